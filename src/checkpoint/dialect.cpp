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

/// Prefixes under which a name ends in some family's anchor.
std::set<std::string> prefixes_of(const std::vector<std::string>& names) {
  std::set<std::string> prefixes;
  for (const std::string& name : names) {
    for (const Dialect& dialect : dialects()) {
      const std::string_view anchor = dialect.anchor;
      if (!name.ends_with(anchor)) continue;
      const std::string prefix = name.substr(0, name.size() - anchor.size());
      if (prefix.empty() || prefix.ends_with('.')) prefixes.insert(prefix);
    }
  }
  return prefixes;
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
  anchors.reserve(dialects().size());
  for (const Dialect& dialect : dialects()) {
    anchors.push_back(cat("\"", dialect.anchor, "\" (", dialect.name, ")"));
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
      {.name = "Hugging Face CLIPModel",
       .anchor = "vision_model.embeddings.class_embedding",
       .canonical = canonical_hugging_face_clip,
       .image_modules = {"vision_model", "visual_projection"},
       .text_modules = {"text_model", "text_projection"},
       .is_hugging_face = true,
       .preprocess = {.crop_offset = CropOffset::kFloor}},
      {.name = "Hugging Face SiglipModel",
       .anchor = "vision_model.head.probe",
       .canonical = canonical_hugging_face_siglip,
       .image_modules = {"vision_model"},
       .text_modules = {"text_model"},
       .family = "siglip",
       .is_hugging_face = true,
       .settle = settle_siglip,
       .preprocess = siglip_preprocess()},
      {.name = "open_clip SigLIP",
       .anchor = "visual.trunk.attn_pool.latent",
       .canonical = canonical_open_clip_siglip,
       .image_modules = {"visual"},
       .text_modules = {"text"},
       .family = "siglip",
       .settle = settle_siglip,
       .preprocess = siglip_preprocess()},
      {.name = "open_clip CustomTextCLIP",
       .anchor = "text.token_embedding.weight",
       .canonical = canonical_open_clip_custom_text,
       .image_modules = {"visual"},
       .text_modules = {"text"}},
      {.name = "OpenAI CLIP",
       .anchor = "visual.class_embedding",
       .canonical = canonical_openai_clip},
  };
  return all;
}

bool is_canonical(const Dialect& dialect) { return dialect.canonical == canonical_openai_clip; }

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
    if (state.count(dialect.anchor) == 0) continue;
    return {&dialect, prefix, dialect.canonical(std::move(state), where)};
  }
  throw_unknown(state, where);
}

}  // namespace clipq
