#include "samples.h"

#include <array>
#include <string_view>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::string_view kPrefix = "clipq_samples.";

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
    if (at == found.end() || at->second.dim() != dimensions || at->second.size(0) < 1) {
      throw InputError(cat(where, ": its sample \"", kPrefix, name, "\" is missing or of another ",
                           "shape; export the checkpoint again"));
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
  samples.source = "embeddings of samples in the file";
  samples.has_lengths = true;
  return samples;
}

}  // namespace clipq
