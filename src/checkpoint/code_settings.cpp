#include "code_settings.h"

#include <cmath>
#include <cstdlib>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "clipq/core/strings.h"
#include "clipq/model/clip_model.h"

namespace clipq {
namespace {

constexpr double kQuickGeluFactor = 1.702;

/// The arguments of each call of `function` in TorchScript source, split at their commas.
std::vector<std::vector<std::string>> calls_of(const std::string& code,
                                               const std::string& function) {
  std::vector<std::vector<std::string>> calls;
  const std::string head = function + "(";
  for (std::size_t at = code.find(head); at != std::string::npos; at = code.find(head, at + 1)) {
    std::vector<std::string> arguments(1);
    int depth = 1;
    for (std::size_t i = at + head.size(); i < code.size(); ++i) {
      const char c = code[i];
      depth += (c == '(' || c == '[') - (c == ')' || c == ']');
      if (depth == 0) break;
      if (c == ',' && depth == 1) {
        arguments.emplace_back();
      } else if (c != ' ' && c != '\n') {
        arguments.back() += c;
      }
    }
    calls.push_back(std::move(arguments));
  }
  return calls;
}

std::optional<double> number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' ? std::optional(value) : std::nullopt;
}

/// The only element of a set, if it has one.
template <typename T>
std::optional<T> only(const std::set<T>& values) {
  return values.size() == 1 ? std::optional(*values.begin()) : std::nullopt;
}

bool is_quick_gelu_factor(double value) { return std::abs(value - kQuickGeluFactor) < 1e-3; }

/// Whether the code has the factor 1.702, as a literal or as one of the archive's constants.
bool has_quick_gelu_factor(const TorchScriptArchive& archive, const std::string& code) {
  static const std::regex constants("CONSTANTS\\.c([0-9]{1,6})|\\b(1\\.70[0-9]+)\\b");
  for (std::sregex_iterator at(code.begin(), code.end(), constants), end; at != end; ++at) {
    const std::string literal = (*at)[2];
    const auto value = literal.empty() ? archive.constant(std::stoul((*at)[1])) : number(literal);
    if (value && is_quick_gelu_factor(*value)) return true;
  }
  return false;
}

std::optional<Activation> activation_in(const TorchScriptArchive& archive,
                                        const std::string& code) {
  std::set<Activation> found;
  for (const auto& arguments : calls_of(code, "torch.gelu")) {
    const bool tanh = arguments.size() > 1 && arguments[1].find("tanh") != std::string::npos;
    found.insert(tanh ? Activation::kGeluTanh : Activation::kGelu);
  }
  if (!calls_of(code, "torch.sigmoid").empty() && has_quick_gelu_factor(archive, code)) {
    found.insert(Activation::kQuickGelu);
  }
  return only(found);
}

/// A printed layer_norm has its eps in the fifth place, unless it is the default.
std::optional<double> eps_in(const std::string& code) {
  std::set<double> found;
  for (const auto& arguments : calls_of(code, "torch.layer_norm")) {
    const auto eps = arguments.size() > 4 ? number(arguments[4]) : std::optional(kLayerNormEps);
    if (!eps) return std::nullopt;
    found.insert(*eps);
  }
  return only(found);
}

/// Heads show as arguments of the fused attention, or where a view splits the width: [.., heads,
/// width / heads].
std::optional<std::int64_t> heads_in(const std::string& code, std::int64_t width) {
  std::set<std::int64_t> found;
  for (const auto& arguments : calls_of(code, "torch._native_multi_head_attention")) {
    const auto heads = arguments.size() > 4 ? number(arguments[4]) : std::nullopt;
    if (heads && *heads >= 1 && *heads <= static_cast<double>(width)) {
      found.insert(static_cast<std::int64_t>(*heads));
    }
  }
  for (const auto& arguments : calls_of(code, "torch.view")) {
    if (arguments.size() < 2 || arguments[1].size() < 2 || arguments[1].front() != '[') continue;
    const std::string list = arguments[1].substr(1, arguments[1].size() - 2);
    const std::vector<std::string> sizes = split(list, ',');
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
      const auto heads = number(sizes[i]);
      const auto head_width = number(sizes[i + 1]);
      if (heads && head_width && *heads > 0 && *head_width > 1 &&
          *heads * *head_width == static_cast<double>(width)) {
        found.insert(static_cast<std::int64_t>(*heads));
      }
    }
  }
  const auto heads = only(found);
  return heads && *heads > 0 && width % *heads == 0 ? heads : std::nullopt;
}

}  // namespace

CodeSettings read_code_settings(const TorchScriptArchive& archive,
                                const std::vector<std::string>& modules, std::int64_t width) {
  const std::string code = archive.code_of(modules);
  return {heads_in(code, width), activation_in(archive, code), eps_in(code)};
}

}  // namespace clipq
