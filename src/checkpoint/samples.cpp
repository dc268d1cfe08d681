#include "samples.h"

#include <array>
#include <string_view>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::string_view kPrefix = "clipq_samples.";

/// More prove nothing more, and each costs a forward pass.
constexpr std::int64_t kMostSamples = 64;

}  // namespace

std::optional<Reference> take_samples(StateDict& tensors, const std::string& where) {
  std::map<std::string, at::Tensor> found;
  for (auto each = tensors.begin(); each != tensors.end();) {
    if (!each->first.starts_with(kPrefix)) {
      ++each;
      continue;
    }
    found[each->first.substr(kPrefix.size())] = each->second;
    each = tensors.erase(each);
  }
  if (found.empty()) return std::nullopt;
  for (const char* name : {"pixels", "tokens", "image", "text"}) {
    const auto at = found.find(name);
    const std::int64_t dimensions = std::string_view(name) == "pixels" ? 4 : 2;
    if (at == found.end() || at->second.dim() != dimensions || at->second.size(0) < 1 ||
        at->second.size(0) > kMostSamples) {
      throw InputError(cat(where, ": its sample \"", kPrefix, name, "\" is missing, of another ",
                           "shape, or of too many; export the checkpoint again"));
    }
  }
  Reference samples;
  samples.pixels = found["pixels"].to(at::kFloat);
  samples.tokens = found["tokens"].to(at::kLong);
  samples.image = found["image"].to(at::kFloat);
  samples.text = found["text"].to(at::kFloat);
  if (samples.image.size(0) != samples.pixels.size(0) ||
      samples.text.size(0) != samples.tokens.size(0)) {
    throw InputError(cat(where,
                         ": its samples' inputs and embeddings differ in number; export the "
                         "checkpoint again"));
  }
  samples.source = "the samples in the file";
  samples.has_lengths = true;
  return samples;
}

std::optional<SampleTexts> sample_texts_of(const std::map<std::string, std::string>& documents,
                                           const std::optional<Reference>& samples,
                                           const std::string& where) {
  const auto found = documents.find("clipq_samples.json");
  if (!samples || found == documents.end()) return std::nullopt;
  const std::string place = where + ": clipq_samples.json";
  const Json json = parse_json(found->second, place);
  SampleTexts out = {{}, samples->tokens};
  if (json.is_object()) out.texts = json_value(json, "texts", out.texts, place);
  if (static_cast<std::int64_t>(out.texts.size()) == out.tokens.size(0)) return out;
  throw InputError(
      cat(place, ": ", out.texts.size(), " texts, but ", out.tokens.size(0), " rows of tokens"));
}

}  // namespace clipq
