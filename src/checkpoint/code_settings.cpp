#include "code_settings.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "clipq/core/strings.h"
#include "clipq/model/clip_model.h"

namespace clipq {
namespace {

constexpr double kQuickGeluFactor = 1.702;

/// Deeper than any code that PyTorch writes; what is deeper isn't looked at.
constexpr std::size_t kDeepest = 256;

/// Of the arguments that tell something, none is longer.
constexpr std::size_t kLongestArgument = 256;

/// A call in TorchScript source, while and after it is read.
struct Call {
  bool is_wanted = false;
  std::size_t argument_begin = 0;
  std::size_t count = 0;                           ///< of all arguments
  std::array<std::string_view, 5> arguments = {};  ///< the first ones, as they are written

  void end_argument(std::string_view code, std::size_t at) {
    if (count < arguments.size()) {
      arguments[count] = code.substr(argument_begin, at - argument_begin);
    }
    ++count;
    argument_begin = at + 1;
  }

  /// Without blanks; empty if it is absent, or longer than any that tells something.
  std::string argument(std::size_t index) const {
    const std::string_view written = arguments[index];
    std::string text;
    if (written.size() > kLongestArgument) return text;
    for (const char c : written) {
      if (c != ' ' && c != '\n') text += c;
    }
    return text;
  }
};

/// Passes each call of `function` to `visit`, in one pass over the code and with a bounded stack,
/// since the code may be anything.
template <typename Visit>
void for_each_call(std::string_view code, std::string_view function, const Visit& visit) {
  std::vector<Call> open;
  bool in_string = false;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '(' || c == '[') {
      if (open.size() == kDeepest) return;
      open.push_back({c == '(' && code.substr(0, i).ends_with(function), i + 1});
    } else if (c == ',' && !open.empty()) {
      open.back().end_argument(code, i);
    } else if ((c == ')' || c == ']') && !open.empty()) {
      open.back().end_argument(code, i);
      if (open.back().is_wanted) visit(open.back());
      open.pop_back();
    }
  }
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

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// The digits that follow in `text` from `at` on, at most `most` of them.
std::string_view digits_at(std::string_view text, std::size_t at, std::size_t most) {
  std::size_t end = at;
  while (end < text.size() && end - at < most && is_digit(text[end])) ++end;
  return text.substr(at, end - at);
}

/// Whether one of the archive's constants that the code names is 1.702.
bool has_quick_gelu_constant(const TorchScriptArchive& archive, std::string_view code) {
  constexpr std::string_view kConstant = "CONSTANTS.c";
  constexpr std::size_t kMostDigits = 6;
  for (std::size_t at = code.find(kConstant); at != std::string_view::npos;
       at = code.find(kConstant, at + 1)) {
    const std::string_view index = digits_at(code, at + kConstant.size(), kMostDigits);
    if (index.empty()) continue;
    const auto value = archive.constant(std::stoul(std::string(index)));
    if (value && is_quick_gelu_factor(*value)) return true;
  }
  return false;
}

/// Whether the number 1.702 stands in the code, in some rounding.
bool has_quick_gelu_literal(std::string_view code) {
  constexpr std::string_view kBeginning = "1.70";
  constexpr std::size_t kMostDigits = 32;
  for (std::size_t at = code.find(kBeginning); at != std::string_view::npos;
       at = code.find(kBeginning, at + 1)) {
    const std::string_view rest = digits_at(code, at + kBeginning.size(), kMostDigits);
    const std::size_t end = at + kBeginning.size() + rest.size();
    const bool is_part =
        (at > 0 && is_word(code[at - 1])) || (end < code.size() && is_word(code[end]));
    if (is_part || rest.empty()) continue;
    const auto value = number(std::string(code.substr(at, end - at)));
    if (value && is_quick_gelu_factor(*value)) return true;
  }
  return false;
}

std::optional<Activation> activation_in(const TorchScriptArchive& archive,
                                        const std::string& code) {
  std::set<Activation> found;
  for_each_call(code, "torch.gelu", [&](const Call& call) {
    const bool tanh = call.argument(1).find("tanh") != std::string::npos;
    found.insert(tanh ? Activation::kGeluTanh : Activation::kGelu);
  });
  if (code.find("torch.sigmoid(") != std::string::npos &&
      (has_quick_gelu_literal(code) || has_quick_gelu_constant(archive, code))) {
    found.insert(Activation::kQuickGelu);
  }
  return only(found);
}

/// A printed layer_norm has its eps in the fifth place, unless it is the default.
std::optional<double> eps_in(const std::string& code) {
  std::set<std::optional<double>> found;
  for_each_call(code, "torch.layer_norm", [&](const Call& call) {
    found.insert(call.count > 4 ? number(call.argument(4)) : std::optional(kLayerNormEps));
  });
  return only(found).value_or(std::nullopt);
}

/// Heads that show where a view splits the width: [.., heads, width / heads].
void add_split_heads(const std::string& list, std::int64_t width, std::set<std::int64_t>& found) {
  if (!list.starts_with('[') || !list.ends_with(']')) return;
  const std::vector<std::string> sizes = split(list.substr(1, list.size() - 2), ',');
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    const auto heads = number(sizes[i]);
    const auto head_width = number(sizes[i + 1]);
    if (heads && head_width && *heads > 0 && *head_width > 1 &&
        *heads * *head_width == static_cast<double>(width)) {
      found.insert(static_cast<std::int64_t>(*heads));
    }
  }
}

/// Heads show as arguments of the fused attention too.
std::optional<std::int64_t> heads_in(const std::string& code, std::int64_t width) {
  std::set<std::int64_t> found;
  for_each_call(code, "torch._native_multi_head_attention", [&](const Call& call) {
    const auto heads = number(call.argument(4));
    if (heads && *heads >= 1 && *heads <= static_cast<double>(width)) {
      found.insert(static_cast<std::int64_t>(*heads));
    }
  });
  for_each_call(code, "torch.view",
                [&](const Call& call) { add_split_heads(call.argument(1), width, found); });
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
