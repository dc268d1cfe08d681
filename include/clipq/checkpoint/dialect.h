#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "clipq/data/preprocess.h"
#include "clipq/model/clip_config.h"
#include "clipq/model/state_dict.h"
#include "clipq/model/tower.h"

namespace clipq {

/// Tensors of a tower that every model of a family has, and none of a family further down in the
/// table.
struct Anchor {
  std::string_view name = {};
  std::string_view companion = {};  ///< another one, where the name isn't enough; may be empty
};

/// How a family of checkpoints names and stores its tensors.
struct Dialect {
  const char* name;
  /// Of the image and of the text tower; empty: the family has no such tower.
  Anchor image_anchor;
  Anchor text_anchor;

  /// The same tensors with canonical names and layouts; unknown ones stay as they are. Throws
  /// InputError if one that others belong to is missing.
  StateDict (*canonical)(StateDict state, const std::string& where);

  /// What the family calls a canonical name, for messages; null: the same.
  std::string (*original)(const std::string& canonical) = nullptr;

  /// The modules of each tower in an archive of this family; empty: those of the canonical names.
  std::vector<std::string> image_modules = {};
  std::vector<std::string> text_modules = {};

  const char* family = "clip";  ///< "clip" or "siglip", as Hugging Face's "model_type"

  /// Whether it is one of Hugging Face's, whose image processors and configurations differ.
  bool is_hugging_face = false;

  /// Gives a config inferred from shapes what all of the family have; null: they are as OpenAI's.
  void (*settle)(ClipConfig& config) = nullptr;

  /// What is done to images unless a document tells.
  Preprocess preprocess = {};

  const std::vector<std::string>& modules(Tower tower) const {
    return tower == Tower::kImage ? image_modules : text_modules;
  }
};

/// Whether its names are the canonical ones.
bool is_canonical(const Dialect& dialect);

/// The families, the more special ones first.
const std::vector<Dialect>& dialects();

/// Throws InputError that says which family it is and which of its tensors, as it names them, are
/// missing or left over.
[[noreturn]] void throw_in_own_names(const Dialect& dialect, const TensorNamesError& failure,
                                     const std::string& where);

/// A model's tensors with canonical names.
struct CanonicalState {
  const Dialect* dialect;
  std::string prefix;  ///< what stood before the family's names: "module."; may be empty
  StateDict tensors;
};

/// Recognises the family by its anchors, of which one is enough, below any prefix, and takes what
/// lies below the prefix. Throws InputError that names the nearest family and what is missing if it
/// is none, or the family if it is a known one that isn't supported, or the prefixes if there are
/// several models.
CanonicalState to_canonical(StateDict state, const std::string& where);

}  // namespace clipq
