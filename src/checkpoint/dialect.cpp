#include "clipq/checkpoint/dialect.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "dialect_prefix.h"
#include "hugging_face_clip.h"
#include "open_clip_custom_text.h"
#include "openai_clip.h"
#include "siglip.h"

namespace clipq {
namespace {

constexpr std::size_t kNamesShown = 3;

/// Families that are known and not supported, by a part of their tensors' names.
struct Unsupported {
  const char* part;
  const char* family;
};

constexpr std::array<Unsupported, 5> kUnsupported = {{
    {"text.transformer.embeddings.", "an open_clip model with one of Hugging Face's text towers"},
    {"visual.attn_pool.query", "a CoCa"},
    {"text.cls_emb", "a CoCa"},
    {"attn.ln_q.", "an open_clip model with norms in its attention"},
    {"attn.logit_scale", "an open_clip model with scaled cosine attention"},
}};

/// What it tells that a tensor is missing, by canonical name.
struct Explanation {
  std::string_view missing;
  const char* hint;
};

constexpr std::array<Explanation, 3> kExplanations = {{
    {"visual.ln_pre.weight",
     "; if there is no norm before its first block, as in CLIPA, clipq doesn't support it"},
    {"visual.proj",
     "; without its projection a tower doesn't give CLIP's embeddings (of transformers' classes, "
     "export CLIPVisionModelWithProjection)"},
    {"text_projection",
     "; without its projection a tower doesn't give CLIP's embeddings (of transformers' classes, "
     "export CLIPTextModelWithProjection)"},
}};

using NameSet = std::set<std::string, std::less<>>;

/// What stands before the longest anchor that the name ends with; empty: it ends with none.
std::optional<std::string> prefix_of(std::string_view name, const NameSet& names) {
  std::size_t longest = 0;
  std::optional<std::string> found;
  for (const Dialect& dialect : dialects()) {
    for (const Anchor& anchor : {dialect.image_anchor, dialect.text_anchor}) {
      if (anchor.name.size() <= longest || !name.ends_with(anchor.name)) continue;
      std::string prefix(name.substr(0, name.size() - anchor.name.size()));
      if (!prefix.empty() && !prefix.ends_with('.')) continue;
      const bool is_alone =
          !anchor.companion.empty() && names.count(cat(prefix, anchor.companion)) == 0;
      if (is_alone) continue;
      longest = anchor.name.size();
      found = std::move(prefix);
    }
  }
  return found;
}

/// What stands before the families' anchors.
std::set<std::string> prefixes_of(const std::vector<std::string>& names) {
  const NameSet all(names.begin(), names.end());
  std::set<std::string> prefixes;
  for (const std::string& name : names) {
    if (auto prefix = prefix_of(name, all)) prefixes.insert(std::move(*prefix));
  }
  return prefixes;
}

bool has(const StateDict& state, const Anchor& anchor) {
  const auto contains = [&state](std::string_view name) {
    return state.count(std::string(name)) > 0;
  };
  return contains(anchor.name) && (anchor.companion.empty() || contains(anchor.companion));
}

std::vector<std::string> names_of(const StateDict& state) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state) names.push_back(name);
  return names;
}

StateDict below(StateDict state, const std::string& prefix) {
  if (prefix.empty()) return state;
  StateDict out;
  for (auto& [name, tensor] : state) {
    if (name.starts_with(prefix)) out[name.substr(prefix.size())] = std::move(tensor);
  }
  return out;
}

void refuse(const StateDict& state, const Unsupported& family, const std::string& where) {
  for (const auto& [name, tensor] : state) {
    const bool is_tower_alone = cat("visual.", name).starts_with(family.part);
    if (name.find(family.part) == std::string::npos && !is_tower_alone) continue;
    throw InputError(
        cat(where, ": ", family.family, " (it has \"", name, "\"), which clipq doesn't support"));
  }
}

void refuse_unsupported(const StateDict& state, const std::string& where) {
  for (const Unsupported& each : kUnsupported) refuse(state, each, where);
  // SigLIP's is the one of timm's towers that is known.
  if (state.count("visual.trunk.attn_pool.latent") + state.count("trunk.attn_pool.latent") == 0) {
    refuse(state, {"visual.trunk.", "an open_clip model with one of timm's image towers"}, where);
  }
}

/// What to do with transformers' towers whose classes have no projection, and no prefix in memory.
std::string hint_for_bare_tower(const StateDict& state) {
  for (const auto& [name, tensor] : state) {
    const bool is_vision = name.ends_with("embeddings.class_embedding");
    if (!is_vision && !name.ends_with("embeddings.token_embedding.weight")) continue;
    const char* kind = is_vision ? "Vision" : "Text";
    return cat(". If it is transformers' CLIP", kind, "Model, it lacks the projection; export CLIP",
               kind, "ModelWithProjection");
  }
  return "";
}

[[noreturn]] void throw_unknown(const StateDict& state, const std::string& where) {
  std::vector<std::string> anchors;
  for (const Dialect& dialect : dialects()) {
    for (const Anchor& anchor : {dialect.image_anchor, dialect.text_anchor}) {
      if (!anchor.name.empty())
        anchors.push_back(cat("\"", anchor.name, "\" (", dialect.name, ")"));
    }
  }
  std::vector<std::string> shown = names_of(state);
  const std::size_t count = shown.size();
  shown.resize(std::min<std::size_t>(count, 3));
  throw InputError(cat(where, ": no CLIP that clipq knows: none of its ", count,
                       " tensors is named ", join(anchors, " or "), "; the first are ",
                       join(shown, ", "), hint_for_bare_tower(state)));
}

}  // namespace

const std::vector<Dialect>& dialects() {
  static const std::vector<Dialect> all = {
      {.name = "Hugging Face SiglipModel",
       .image_anchor = {"vision_model.head.probe"},
       .text_anchor = {"text_model.head.weight"},
       .canonical = canonical_hugging_face_siglip,
       .original = original_hugging_face_siglip,
       .image_modules = {"vision_model"},
       .text_modules = {"text_model"},
       .family = "siglip",
       .is_hugging_face = true,
       .settle = settle_siglip,
       .preprocess = siglip_preprocess()},
      {.name = "Hugging Face CLIPModel",
       .image_anchor = {"vision_model.embeddings.class_embedding"},
       .text_anchor = {"text_model.embeddings.token_embedding.weight"},
       .canonical = canonical_hugging_face_clip,
       .original = original_hugging_face_clip,
       .image_modules = {"vision_model", "visual_projection"},
       .text_modules = {"text_model", "text_projection"},
       .is_hugging_face = true,
       .preprocess = {.crop_offset = CropOffset::kFloor}},
      {.name = "open_clip SigLIP",
       .image_anchor = {"visual.trunk.attn_pool.latent"},
       .text_anchor = {},
       .canonical = canonical_open_clip_siglip,
       .original = original_open_clip_siglip,
       .image_modules = {"visual"},
       .text_modules = {"text"},
       .family = "siglip",
       .settle = settle_siglip,
       .preprocess = siglip_preprocess()},
      {.name = "open_clip CustomTextCLIP",
       .image_anchor = {},
       .text_anchor = {"text.token_embedding.weight", "text.positional_embedding"},
       .canonical = canonical_open_clip_custom_text,
       .original = original_open_clip_custom_text,
       .image_modules = {"visual"},
       .text_modules = {"text"}},
      {.name = "OpenAI CLIP with a ResNet",
       .image_anchor = {"visual.layer1.0.conv1.weight"},
       .text_anchor = {},
       .canonical = canonical_openai_clip,
       .original = original_openai_resnet},
      {.name = "OpenAI CLIP",
       .image_anchor = {"visual.class_embedding"},
       .text_anchor = {"token_embedding.weight", "positional_embedding"},
       .canonical = canonical_openai_clip},
      {.name = "OpenAI CLIP's visual",
       .image_anchor = {"class_embedding", "conv1.weight"},
       .text_anchor = {},
       .canonical = canonical_openai_visual,
       .original = original_openai_visual,
       .image_modules = {"conv1", "transformer", "ln_post"}},
      {.name = "OpenAI CLIP's ResNet",
       .image_anchor = {"layer1.0.conv1.weight", "attnpool.positional_embedding"},
       .text_anchor = {},
       .canonical = canonical_openai_visual,
       .original = original_openai_visual,
       .image_modules = {"layer1", "attnpool"}},
      {.name = "open_clip SigLIP's visual",
       .image_anchor = {"trunk.attn_pool.latent"},
       .text_anchor = {},
       .canonical = canonical_open_clip_siglip_visual,
       .original = original_open_clip_siglip_visual,
       .image_modules = {"trunk"},
       .family = "siglip",
       .settle = settle_siglip,
       .preprocess = siglip_preprocess()},
      {.name = "Hugging Face SiglipVisionModel",
       .image_anchor = {"head.probe", "embeddings.patch_embedding.weight"},
       .text_anchor = {},
       .canonical = canonical_siglip_vision_model,
       .original = original_siglip_vision_model,
       .image_modules = {"embeddings", "encoder", "post_layernorm", "head"},
       .family = "siglip",
       .is_hugging_face = true,
       .settle = settle_siglip,
       .preprocess = siglip_preprocess()},
      {.name = "Hugging Face SiglipTextModel",
       .image_anchor = {},
       .text_anchor = {"embeddings.token_embedding.weight", "head.weight"},
       .canonical = canonical_siglip_text_model,
       .original = original_siglip_text_model,
       .text_modules = {"embeddings", "encoder", "final_layer_norm", "head"},
       .family = "siglip",
       .is_hugging_face = true,
       .settle = settle_siglip},
  };
  return all;
}

bool is_canonical(const Dialect& dialect) { return dialect.canonical == canonical_openai_clip; }

void throw_in_own_names(const Dialect& dialect, const TensorNamesError& failure,
                        const std::string& where) {
  const auto originals = [&dialect](std::vector<std::string> names) {
    for (std::string& name : names) {
      if (dialect.original != nullptr) name = dialect.original(name);
    }
    return names;
  };
  std::string hint;
  for (const Explanation& each : kExplanations) {
    const std::vector<std::string>& missing = failure.missing();
    if (std::find(missing.begin(), missing.end(), each.missing) != missing.end()) hint = each.hint;
  }
  throw InputError(cat(where, ": its tensors are those of ", dialect.name, ", but ",
                       names_text(originals(failure.missing()), originals(failure.left_over())),
                       hint));
}

std::string dialect_prefix(const std::vector<std::string>& names, const std::string& where) {
  const std::set<std::string> prefixes = prefixes_of(names);
  if (prefixes.empty()) return "";
  if (prefixes.size() == 1) return *prefixes.begin();
  std::vector<std::string> quoted;
  quoted.reserve(prefixes.size());
  for (const std::string& prefix : prefixes) {
    quoted.push_back(prefix.empty() ? "no prefix" : cat("\"", prefix, "\""));
  }
  throw InputError(cat(where, ": holds several models, below ", join(quoted, " and "),
                       "; save only the one you mean"));
}

void warn_of_unused(const std::vector<std::string>& names, const std::string& prefix,
                    const std::string& where) {
  std::vector<std::string> unused;
  for (const std::string& name : names) {
    const bool is_optimizer = name.find("optimizer") != std::string::npos;
    if (!name.starts_with(prefix) && !is_optimizer) unused.push_back(name);
  }
  if (unused.empty()) return;
  const std::size_t count = unused.size();
  unused.resize(std::min<std::size_t>(count, kNamesShown));
  log::warn(cat(where, ": ", count, count == 1 ? " tensor" : " tensors", " outside of \"", prefix,
                count == 1 ? "\" isn't used: " : "\" aren't used: ", join(unused, ", "),
                count > kNamesShown ? ", …" : ""));
}

CanonicalState to_canonical(StateDict state, const std::string& where) {
  const std::vector<std::string> names = names_of(state);
  const std::string prefix = dialect_prefix(names, where);
  warn_of_unused(names, prefix, where);
  state = below(std::move(state), prefix);
  refuse_unsupported(state, where);
  for (const Dialect& dialect : dialects()) {
    if (!has(state, dialect.image_anchor) && !has(state, dialect.text_anchor)) continue;
    try {
      return {&dialect, prefix, dialect.canonical(std::move(state), where)};
    } catch (const TensorNamesError& failure) {
      throw_in_own_names(dialect, failure, where);
    }
  }
  throw_unknown(state, where);
}

}  // namespace clipq
