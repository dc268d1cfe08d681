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

using Samples = std::map<std::string, at::Tensor>;

at::Tensor sample(const Samples& samples, const char* name, std::int64_t dimensions,
                  const std::string& where) {
  const auto found = samples.find(name);
  if (found != samples.end() && found->second.dim() == dimensions && found->second.size(0) >= 1 &&
      found->second.size(0) <= kMostSamples) {
    return found->second;
  }
  throw InputError(cat(where, ": its sample \"", kPrefix, name, "\" is missing, of another ",
                       "shape, or of too many; export the checkpoint again"));
}

void require_pairs(const at::Tensor& inputs, const at::Tensor& embeddings,
                   const std::string& where) {
  if (inputs.size(0) == embeddings.size(0)) return;
  throw InputError(cat(where,
                       ": its samples' inputs and embeddings differ in number; export the "
                       "checkpoint again"));
}

}  // namespace

std::optional<Reference> take_samples(StateDict& tensors, const std::string& where) {
  Samples found;
  for (auto each = tensors.begin(); each != tensors.end();) {
    if (!each->first.starts_with(kPrefix)) {
      ++each;
      continue;
    }
    found[each->first.substr(kPrefix.size())] = each->second;
    each = tensors.erase(each);
  }
  if (found.empty()) return std::nullopt;
  Reference samples;
  const bool has_image = found.count("pixels") + found.count("image") > 0;
  const bool has_text = found.count("tokens") + found.count("text") > 0;
  if (has_image || !has_text) {
    samples.pixels = sample(found, "pixels", 4, where).to(at::kFloat);
    samples.image = sample(found, "image", 2, where).to(at::kFloat);
    require_pairs(samples.pixels, samples.image, where);
  }
  if (has_text) {
    samples.tokens = sample(found, "tokens", 2, where).to(at::kLong);
    samples.text = sample(found, "text", 2, where).to(at::kFloat);
    require_pairs(samples.tokens, samples.text, where);
  }
  samples.source = "the samples in the file";
  samples.has_lengths = true;
  return samples;
}

std::optional<SampleTexts> sample_texts_of(const std::map<std::string, std::string>& documents,
                                           const std::optional<Reference>& samples,
                                           const std::string& where) {
  const auto found = documents.find("clipq_samples.json");
  if (!samples || !samples->tokens.defined() || found == documents.end()) return std::nullopt;
  const std::string place = where + ": clipq_samples.json";
  const Json json = parse_json(found->second, place);
  SampleTexts out = {{}, samples->tokens};
  if (json.is_object()) out.texts = json_value(json, "texts", out.texts, place);
  if (static_cast<std::int64_t>(out.texts.size()) == out.tokens.size(0)) return out;
  throw InputError(
      cat(place, ": ", out.texts.size(), " texts, but ", out.tokens.size(0), " rows of tokens"));
}

}  // namespace clipq
