#include "openai_clip.h"

#include <array>
#include <string_view>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/model/resnet_tower.h"
#include "fold_batch_norms.h"
#include "renaming.h"

namespace clipq {
namespace {

/// A LayerScale of a block, and the linear layer whose output it scales.
struct LayerScale {
  std::string_view gamma;
  std::string_view linear;
};

constexpr std::array<LayerScale, 2> kLayerScales = {
    {{".ls_1.gamma", ".attn.out_proj"}, {".ls_2.gamma", ".mlp.c_proj"}}};

constexpr std::string_view kVisual = "visual.";
constexpr const char* kAttentionPool = "visual.attnpool.";

/// Numbers that say what shapes say, masks, and the bias of logits.
constexpr std::array<std::string_view, 5> kWithoutInfluence = {
    "input_resolution", "context_length", "vocab_size", "attn_mask", "logit_bias"};

void fold(StateDict& state, const std::string& gamma, const std::string& linear,
          const std::string& where) {
  const at::Tensor scale = state.at(gamma).to(at::kFloat);
  const auto weight = state.find(linear + ".weight");
  const auto bias = state.find(linear + ".bias");
  if (weight == state.end() || bias == state.end() || scale.dim() != 1 ||
      weight->second.dim() != 2 || weight->second.size(0) != scale.size(0)) {
    throw InputError(cat(where, ": ", gamma, " doesn't fit ", linear, ".weight and .bias"));
  }
  weight->second = weight->second.to(at::kFloat).mul(scale.unsqueeze(1));
  bias->second = bias->second.to(at::kFloat).mul(scale);
  state.erase(gamma);
}

/// Folds what belongs together in a ResNet.
void join_resnet(StateDict& state, const std::string& where) {
  fold_batch_norms(state, std::string(kVisual), where);
  for (const char* kind : {"weight", "bias"}) {
    state[cat(kAttentionPool, "in_proj_", kind)] =
        take_projections(state, kAttentionPool, kind, where);
  }
}

}  // namespace

StateDict canonical_openai_clip(StateDict state, const std::string& where) {
  for (const std::string_view name : kWithoutInfluence) state.erase(std::string(name));
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state) names.push_back(name);
  for (const std::string& name : names) {
    for (const LayerScale& each : kLayerScales) {
      if (!name.ends_with(each.gamma)) continue;
      const std::string block = name.substr(0, name.size() - each.gamma.size());
      fold(state, name, block + std::string(each.linear), where);
    }
  }
  if (has_resnet(state)) join_resnet(state, where);
  // A layer of its own, unlike the parameter, is stored as [out, in].
  if (const auto layer = state.find("text_projection.weight"); layer != state.end()) {
    const at::Tensor weight = layer->second;
    state.erase(layer);
    state["text_projection"] = weight.dim() == 2 ? weight.t() : weight;
  }
  return state;
}

StateDict canonical_openai_visual(StateDict state, const std::string& where) {
  if (state.count("layer1.0.conv1.weight") > 0) fold_batch_norms(state, "", where);
  return canonical_openai_clip(prefixed(std::move(state), std::string(kVisual)), where);
}

std::string original_openai_visual(const std::string& canonical) {
  return without_prefix(original_openai_resnet(canonical), kVisual);
}

std::string original_openai_resnet(const std::string& canonical) {
  constexpr std::string_view kJoined = "visual.attnpool.in_proj_";
  if (!canonical.starts_with(kJoined)) return canonical;
  return cat(kAttentionPool, "q_proj.", canonical.substr(kJoined.size()));
}

}  // namespace clipq
