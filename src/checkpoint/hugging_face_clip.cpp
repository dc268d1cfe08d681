#include "hugging_face_clip.h"

#include <ATen/ops/cat.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// A tensor's name, or the beginning of several, and the canonical one.
struct Renaming {
  std::string_view theirs;
  std::string_view canonical;
  bool transposed = false;
};

constexpr std::array<Renaming, 13> kNames = {
    {{"vision_model.embeddings.class_embedding", "visual.class_embedding"},
     {"vision_model.embeddings.patch_embedding.", "visual.conv1."},
     {"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"},
     {"vision_model.pre_layrnorm.", "visual.ln_pre."},  // sic
     {"vision_model.post_layernorm.", "visual.ln_post."},
     {"visual_projection.weight", "visual.proj", true},
     {"text_model.embeddings.token_embedding.", "token_embedding."},
     {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
     {"text_model.final_layer_norm.", "ln_final."},
     {"text_projection.weight", "text_projection", true},
     {"vision_model.encoder.layers.", "visual.transformer.resblocks."},
     {"text_model.encoder.layers.", "transformer.resblocks."},
     {"logit_scale", "logit_scale"}}};

/// Of a block, without queries, keys and values.
constexpr std::array<Renaming, 5> kBlockNames = {{{".self_attn.out_proj.", ".attn.out_proj."},
                                                  {".layer_norm1.", ".ln_1."},
                                                  {".layer_norm2.", ".ln_2."},
                                                  {".mlp.fc1.", ".mlp.c_fc."},
                                                  {".mlp.fc2.", ".mlp.c_proj."}}};

constexpr std::array<std::string_view, 3> kProjections = {"q_proj", "k_proj", "v_proj"};
constexpr std::string_view kPositionIds = ".embeddings.position_ids";

/// Joins the projections of one attention, for "weight" or "bias": rows of q, then k, then v.
at::Tensor joined(StateDict& state, const std::string& attention, const std::string& kind,
                  const std::string& where) {
  std::vector<at::Tensor> parts;
  for (const std::string_view projection : kProjections) {
    const std::string name = cat(attention, projection, ".", kind);
    const auto found = state.find(name);
    if (found == state.end()) throw InputError(cat(where, ": \"", name, "\" is missing"));
    if (found->second.dim() == 0 ||
        (!parts.empty() && (found->second.sizes() != parts[0].sizes() ||
                            found->second.scalar_type() != parts[0].scalar_type()))) {
      throw InputError(cat(where, ": ", name, " has shape ", found->second.sizes(),
                           ", which doesn't fit the other projections"));
    }
    parts.push_back(found->second);
    state.erase(found);
  }
  return at::cat(parts);
}

void join_projections(StateDict& state, const std::string& where) {
  constexpr std::string_view kQuery = ".self_attn.q_proj.";
  std::vector<std::string> queries;
  for (const auto& [name, tensor] : state) {
    if (name.find(kQuery) != std::string::npos) queries.push_back(name);
  }
  for (const std::string& name : queries) {
    const std::size_t at = name.find(kQuery);
    const std::string attention = name.substr(0, at) + ".self_attn.";
    const std::string kind = name.substr(at + kQuery.size());
    at::Tensor tensor = joined(state, attention, kind, where);
    state[cat(name.substr(0, at), ".attn.in_proj_", kind)] = std::move(tensor);
  }
}

std::string renamed_in_block(std::string name) {
  for (const Renaming& each : kBlockNames) {
    const std::size_t at = name.find(each.theirs);
    if (at != std::string::npos) return name.replace(at, each.theirs.size(), each.canonical);
  }
  return name;
}

}  // namespace

StateDict canonical_hugging_face_clip(StateDict state, const std::string& where) {
  join_projections(state, where);
  StateDict canonical;
  for (auto& [name, tensor] : state) {
    if (name.ends_with(kPositionIds)) continue;
    std::string target = name;
    for (const Renaming& each : kNames) {
      if (!name.starts_with(each.theirs)) continue;
      target = renamed_in_block(cat(each.canonical, name.substr(each.theirs.size())));
      if (each.transposed && tensor.dim() == 2) tensor = tensor.t();
      break;
    }
    if (!canonical.emplace(target, std::move(tensor)).second) {
      throw InputError(cat(where, ": two of its tensors are \"", target, "\": ", name, " is one"));
    }
  }
  return canonical;
}

}  // namespace clipq
