#include "clipq/model/clip_config.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::int64_t kHeadWidth = 64;

/// Beyond these a number is damage, and memory for it shouldn't be asked for.
constexpr std::int64_t kLargestSize = std::int64_t{1} << 24;
constexpr std::int64_t kMostLayers = 1024;

const at::Tensor& find(const StateDict& state, const std::string& name, std::int64_t dimensions,
                       const std::string& where) {
  const auto found = state.find(name);
  if (found == state.end()) {
    throw InputError(cat(where, ": not a CLIP with OpenAI's names: \"", name, "\" is missing (",
                         state.size(), " tensors",
                         state.empty() ? "" : cat(", the first is \"", state.begin()->first, "\""),
                         "); expected a TorchScript export of a CLIP with a ViT image tower"));
  }
  if (found->second.dim() != dimensions) {
    throw InputError(
        cat(where, ": ", name, " has ", found->second.dim(), " dimensions, expected ", dimensions));
  }
  return found->second;
}

/// The number of distinct N in names "<prefix>N.…".
std::int64_t count_blocks(const StateDict& state, const std::string& prefix) {
  std::set<std::string> indices;
  for (auto at = state.lower_bound(prefix); at != state.end() && starts_with(at->first, prefix);
       ++at) {
    const std::string rest = at->first.substr(prefix.size());
    indices.insert(rest.substr(0, rest.find('.')));
  }
  return static_cast<std::int64_t>(indices.size());
}

}  // namespace

ClipConfig infer_config(const StateDict& state, const std::string& where) {
  if (state.count("visual.layer1.0.conv1.weight") > 0) {
    throw InputError(cat(where, ": its image tower is a ResNet; only ViT towers can be quantized"));
  }
  const at::Tensor& conv1 = find(state, "visual.conv1.weight", 4, where);
  const at::Tensor& visual_positions = find(state, "visual.positional_embedding", 2, where);
  const at::Tensor& text_positions = find(state, "positional_embedding", 2, where);
  ClipConfig config;
  config.embed_dim = find(state, "visual.proj", 2, where).size(1);
  config.vision_width = conv1.size(0);
  config.vision_patch_size = conv1.size(3);
  const auto grid = static_cast<std::int64_t>(
      std::lround(std::sqrt(static_cast<double>(visual_positions.size(0) - 1))));
  config.image_resolution = grid * config.vision_patch_size;
  config.vision_layers = count_blocks(state, "visual.transformer.resblocks.");
  config.vision_heads = std::max<std::int64_t>(1, config.vision_width / kHeadWidth);
  config.context_length = text_positions.size(0);
  config.vocab_size = find(state, "token_embedding.weight", 2, where).size(0);
  config.text_width = find(state, "text_projection", 2, where).size(0);
  config.text_layers = count_blocks(state, "transformer.resblocks.");
  config.text_heads = std::max<std::int64_t>(1, config.text_width / kHeadWidth);
  return config;
}

void validate(const ClipConfig& config, const std::string& where) {
  for (const std::int64_t size :
       {config.embed_dim, config.image_resolution, config.vision_patch_size, config.vision_width,
        config.vision_layers, config.vision_heads, config.context_length, config.vocab_size,
        config.text_width, config.text_layers, config.text_heads}) {
    if (size <= 0 || size > kLargestSize) {
      throw InputError(
          cat(where, ": a size of the architecture is ", size, ", expected 1 to ", kLargestSize));
    }
  }
  if (std::max(config.vision_layers, config.text_layers) > kMostLayers) {
    throw InputError(cat(where, ": towers of ", config.vision_layers, " and ", config.text_layers,
                         " blocks; expected at most ", kMostLayers));
  }
  if (config.image_resolution % config.vision_patch_size != 0) {
    throw InputError(cat(where, ": patches of ", config.vision_patch_size,
                         " pixels don't tile images of ", config.image_resolution));
  }
  if (config.vision_width % config.vision_heads != 0 ||
      config.text_width % config.text_heads != 0) {
    throw InputError(cat(where, ": ", config.vision_heads, " and ", config.text_heads,
                         " heads don't divide the widths ", config.vision_width, " and ",
                         config.text_width));
  }
}

Json to_json(const ClipConfig& config) {
  return {{"embed_dim", config.embed_dim},
          {"image_resolution", config.image_resolution},
          {"vision_patch_size", config.vision_patch_size},
          {"vision_width", config.vision_width},
          {"vision_layers", config.vision_layers},
          {"vision_heads", config.vision_heads},
          {"context_length", config.context_length},
          {"vocab_size", config.vocab_size},
          {"text_width", config.text_width},
          {"text_layers", config.text_layers},
          {"text_heads", config.text_heads},
          {"activation", name_of(config.activation)}};
}

ClipConfig config_from_json(const Json& json, const std::string& where) {
  const auto size = [&](const char* key) { return json_value<std::int64_t>(json, key, 0, where); };
  ClipConfig config;
  try {
    config.embed_dim = size("embed_dim");
    config.image_resolution = size("image_resolution");
    config.vision_patch_size = size("vision_patch_size");
    config.vision_width = size("vision_width");
    config.vision_layers = size("vision_layers");
    config.vision_heads = size("vision_heads");
    config.context_length = size("context_length");
    config.vocab_size = size("vocab_size");
    config.text_width = size("text_width");
    config.text_layers = size("text_layers");
    config.text_heads = size("text_heads");
    config.activation =
        parse_activation(json_value<std::string>(json, "activation", "", where), where);
  } catch (const UsageError& failure) {
    throw InputError(failure.what());
  }
  validate(config, where);
  return config;
}

}  // namespace clipq
