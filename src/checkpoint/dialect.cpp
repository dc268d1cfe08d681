#include "clipq/checkpoint/dialect.h"

#include <algorithm>
#include <array>
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

constexpr std::array<Unsupported, 6> kUnsupported = {{
    {"visual.layer1.0.conv1.weight", "a CLIP with a ResNet as image tower"},
    {"text.transformer.embeddings.", "an open_clip model with one of Hugging Face's text towers"},
    {"visual.attn_pool.query", "a CoCa"},
    {"text.cls_emb", "a CoCa"},
    {"attn.ln_q.", "an open_clip model with norms in its attention"},
    {"attn.logit_scale", "an open_clip model with scaled cosine attention"},
}};

/// The longest anchor that the name is, or ends with behind a prefix; empty: none.
std::string_view anchor_in(std::string_view name) {
  std::string_view longest;
  for (const Dialect& dialect : dialects()) {
    for (const std::string_view anchor : {dialect.image_anchor, dialect.text_anchor}) {
      if (anchor.size() <= longest.size() || !name.ends_with(anchor)) continue;
      const std::string_view prefix = name.substr(0, name.size() - anchor.size());
      if (prefix.empty() || prefix.ends_with('.')) longest = anchor;
    }
  }
  return longest;
}

/// What stands before the families' anchors.
std::set<std::string> prefixes_of(const std::vector<std::string>& names) {
  std::set<std::string> prefixes;
  for (const std::string& name : names) {
    const std::string_view anchor = anchor_in(name);
    if (!anchor.empty()) prefixes.insert(name.substr(0, name.size() - anchor.size()));
  }
  return prefixes;
}

bool has_anchor(const StateDict& state, const Dialect& dialect) {
  return state.count(std::string(dialect.image_anchor)) > 0 ||
         state.count(std::string(dialect.text_anchor)) > 0;
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
    if (name.find(family.part) == std::string::npos) continue;
    throw InputError(
        cat(where, ": ", family.family, " (it has \"", name, "\"), which clipq doesn't support"));
  }
}

void refuse_unsupported(const StateDict& state, const std::string& where) {
  for (const Unsupported& each : kUnsupported) refuse(state, each, where);
  // SigLIP's is the one of timm's towers that is known.
  if (state.count("visual.trunk.attn_pool.latent") == 0) {
    refuse(state, {"visual.trunk.", "an open_clip model with one of timm's image towers"}, where);
  }
}

[[noreturn]] void throw_unknown(const StateDict& state, const std::string& where) {
  std::vector<std::string> anchors;
  for (const Dialect& dialect : dialects()) {
    const std::string_view anchor =
        dialect.image_anchor.empty() ? dialect.text_anchor : dialect.image_anchor;
    anchors.push_back(cat("\"", anchor, "\" (", dialect.name, ")"));
  }
  std::vector<std::string> shown = names_of(state);
  const std::size_t count = shown.size();
  shown.resize(std::min<std::size_t>(count, 3));
  throw InputError(cat(where, ": no CLIP that clipq knows: none of its ", count,
                       " tensors is named ", join(anchors, " or "), "; the first are ",
                       join(shown, ", ")));
}

}  // namespace

const std::vector<Dialect>& dialects() {
  static const std::vector<Dialect> all = {
      {.name = "Hugging Face SiglipModel",
       .image_anchor = "vision_model.head.probe",
       .text_anchor = "text_model.head.weight",
       .canonical = canonical_hugging_face_siglip,
       .original = original_hugging_face_siglip,
       .image_modules = {"vision_model"},
       .text_modules = {"text_model"},
       .family = "siglip",
       .is_hugging_face = true,
       .settle = settle_siglip,
       .preprocess = siglip_preprocess()},
      {.name = "Hugging Face CLIPModel",
       .image_anchor = "vision_model.embeddings.class_embedding",
       .text_anchor = "text_model.embeddings.token_embedding.weight",
       .canonical = canonical_hugging_face_clip,
       .original = original_hugging_face_clip,
       .image_modules = {"vision_model", "visual_projection"},
       .text_modules = {"text_model", "text_projection"},
       .is_hugging_face = true,
       .preprocess = {.crop_offset = CropOffset::kFloor}},
      {.name = "open_clip SigLIP",
       .image_anchor = "visual.trunk.attn_pool.latent",
       .text_anchor = "",
       .canonical = canonical_open_clip_siglip,
       .original = original_open_clip_siglip,
       .image_modules = {"visual"},
       .text_modules = {"text"},
       .family = "siglip",
       .settle = settle_siglip,
       .preprocess = siglip_preprocess()},
      {.name = "open_clip CustomTextCLIP",
       .image_anchor = "",
       .text_anchor = "text.token_embedding.weight",
       .canonical = canonical_open_clip_custom_text,
       .original = original_open_clip_custom_text,
       .image_modules = {"visual"},
       .text_modules = {"text"}},
      {.name = "OpenAI CLIP",
       .image_anchor = "visual.class_embedding",
       .text_anchor = "token_embedding.weight",
       .canonical = canonical_openai_clip},
      {.name = "OpenAI CLIP's visual",
       .image_anchor = "class_embedding",
       .text_anchor = "",
       .canonical = canonical_openai_visual,
       .original = original_openai_visual,
       .image_modules = {"conv1", "transformer", "ln_post"}},
      {.name = "open_clip SigLIP's visual",
       .image_anchor = "trunk.attn_pool.latent",
       .text_anchor = "",
       .canonical = canonical_open_clip_siglip_visual,
       .original = original_open_clip_siglip_visual,
       .image_modules = {"trunk"},
       .family = "siglip",
       .settle = settle_siglip,
       .preprocess = siglip_preprocess()},
  };
  return all;
}

bool is_canonical(const Dialect& dialect) { return dialect.canonical == canonical_openai_clip; }

std::string original_name(const Dialect& dialect, const std::string& canonical) {
  return dialect.original == nullptr ? canonical : dialect.original(canonical);
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
                "\" aren't used: ", join(unused, ", "), count > kNamesShown ? ", …" : ""));
}

CanonicalState to_canonical(StateDict state, const std::string& where) {
  const std::vector<std::string> names = names_of(state);
  const std::string prefix = dialect_prefix(names, where);
  warn_of_unused(names, prefix, where);
  state = below(std::move(state), prefix);
  refuse_unsupported(state, where);
  for (const Dialect& dialect : dialects()) {
    if (!has_anchor(state, dialect)) continue;
    return {&dialect, prefix, dialect.canonical(std::move(state), where)};
  }
  throw_unknown(state, where);
}

}  // namespace clipq
