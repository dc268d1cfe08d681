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

Json to_json(const TowerSettings& settings) {
  return {{"heads", settings.heads},
          {"activation", name_of(settings.activation)},
          {"layer_norm_eps", settings.layer_norm_eps},
          {"normalized", settings.normalized}};
}

/// @param tower "vision" or "text". Manifests of clipq 0.1 have heads of each tower and one
///        activation, beside the sizes.
TowerSettings settings_from_json(const Json& json, const std::string& tower,
                                 const std::string& where) {
  const std::string key = tower + "_settings";
  const bool apart = json.contains(key);
  const Json settings = json_value(json, key.c_str(), json, where);
  const std::string heads = apart ? "heads" : tower + "_heads";
  TowerSettings out;
  out.heads = json_value<std::int64_t>(settings, heads.c_str(), 0, where);
  out.activation =
      parse_activation(json_value<std::string>(settings, "activation", "", where), where);
  out.layer_norm_eps = json_value(settings, "layer_norm_eps", out.layer_norm_eps, where);
  out.normalized = json_value(settings, "normalized", false, where);
  return out;
}

}  // namespace

ClipConfig infer_config(const StateDict& state, const std::string& where) {
  if (state.count("visual.layer1.0.conv1.weight") > 0) {
    throw InputError(cat(where, ": its image tower is a ResNet; only ViT towers can be quantized"));
  }
  const at::Tensor& conv1 = find(state, "visual.conv1.weight", 4, where);
  const at::Tensor& visual_positions = find(state, "visual.positional_embedding", 2, where);
  const at::Tensor& text_positions = find(state, "positional_embedding", 2, where);
  if (visual_positions.size(0) < 2) {
    throw InputError(cat(where, ": visual.positional_embedding has ", visual_positions.size(0),
                         " rows, expected those of a class token and of patches"));
  }
  ClipConfig config;
  config.embed_dim = find(state, "visual.proj", 2, where).size(1);
  config.vision_width = conv1.size(0);
  config.vision_patch_size = conv1.size(3);
  const auto grid = static_cast<std::int64_t>(
      std::lround(std::sqrt(static_cast<double>(visual_positions.size(0) - 1))));
  config.image_resolution = grid * config.vision_patch_size;
  config.vision_layers = count_blocks(state, "visual.transformer.resblocks.");
  config.vision.heads = std::max<std::int64_t>(1, config.vision_width / kHeadWidth);
  config.context_length = text_positions.size(0);
  config.vocab_size = find(state, "token_embedding.weight", 2, where).size(0);
  config.text_width = find(state, "text_projection", 2, where).size(0);
  config.text_layers = count_blocks(state, "transformer.resblocks.");
  config.text.heads = std::max<std::int64_t>(1, config.text_width / kHeadWidth);
  return config;
}

void validate(const ClipConfig& config, const std::string& where) {
  for (const std::int64_t size :
       {config.embed_dim, config.image_resolution, config.vision_patch_size, config.vision_width,
        config.vision_layers, config.vision.heads, config.context_length, config.vocab_size,
        config.text_width, config.text_layers, config.text.heads}) {
    if (size <= 0 || size > kLargestSize) {
      throw InputError(
          cat(where, ": a size of the architecture is ", size, ", expected 1 to ", kLargestSize));
    }
  }
  if (config.vocab_size < 4 || config.context_length < 2) {
    throw InputError(cat(where, ": a vocabulary of ", config.vocab_size, " and texts of ",
                         config.context_length, " tokens; expected at least 4 and 2"));
  }
  if (std::max(config.vision_layers, config.text_layers) > kMostLayers) {
    throw InputError(cat(where, ": towers of ", config.vision_layers, " and ", config.text_layers,
                         " blocks; expected at most ", kMostLayers));
  }
  if (config.image_resolution % config.vision_patch_size != 0) {
    throw InputError(cat(where, ": patches of ", config.vision_patch_size,
                         " pixels don't tile images of ", config.image_resolution));
  }
  for (const Tower tower : {Tower::kVisual, Tower::kText}) {
    const TowerSettings& settings = config.settings(tower);
    if (config.width(tower) % settings.heads != 0) {
      throw InputError(cat(where, ": ", settings.heads, " heads don't divide the ", name_of(tower),
                           " tower's width of ", config.width(tower)));
    }
    if (!(settings.layer_norm_eps > 0 && settings.layer_norm_eps < 1)) {
      throw InputError(cat(where, ": layer_norm_eps of the ", name_of(tower), " tower is ",
                           settings.layer_norm_eps, "; expected a number above 0 and below 1"));
    }
  }
}

Json to_json(const ClipConfig& config) {
  return {{"embed_dim", config.embed_dim},
          {"image_resolution", config.image_resolution},
          {"vision_patch_size", config.vision_patch_size},
          {"vision_width", config.vision_width},
          {"vision_layers", config.vision_layers},
          {"vision_settings", to_json(config.vision)},
          {"context_length", config.context_length},
          {"vocab_size", config.vocab_size},
          {"text_width", config.text_width},
          {"text_layers", config.text_layers},
          {"text_settings", to_json(config.text)}};
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
    config.context_length = size("context_length");
    config.vocab_size = size("vocab_size");
    config.text_width = size("text_width");
    config.text_layers = size("text_layers");
    config.vision = settings_from_json(json, "vision", where);
    config.text = settings_from_json(json, "text", where);
  } catch (const UsageError& failure) {
    throw InputError(failure.what());
  }
  validate(config, where);
  return config;
}

}  // namespace clipq
