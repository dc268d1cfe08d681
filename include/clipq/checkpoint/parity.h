#pragma once

#include <map>
#include <string>

#include "clipq/checkpoint/reference.h"
#include "clipq/checkpoint/settled_tower.h"
#include "clipq/core/json.h"
#include "clipq/model/clip_model.h"

namespace clipq {

/// How far a tower's embeddings are from the reference's, after both were scaled to length 1: the
/// worst of the compared rows.
struct TowerParity {
  double cosine = 0;
  double error = 0;      ///< length of the difference
  double tolerance = 0;  ///< the error that float rounding explains
};

struct Parity {
  std::map<Tower, TowerParity> towers;  ///< those that the model has
  std::string source;                   ///< what was compared with, as Reference::source
};

Json to_json(const Parity& parity);

/// A model's towers as settled.
using SettledTowers = std::map<Tower, SettledTower>;

/// Compares the model with the reference. Where they differ by more than rounding explains, other
/// heads, activations, eps and ways to read texts are tried: what was assumed or read off the code
/// is replaced by what fits, and what the user or the metadata said is refused. Embeddings that
/// have length 1 in the reference become so in the model.
/// @param model with the settings of `towers`; both are changed to what fits
/// @param reference of all towers of the model
/// Throws InputError that names tower, error and what fits; warns of differences that are small but
/// more than rounding explains.
Parity require_parity(ClipModel& model, SettledTowers& towers, const Reference& reference,
                      const std::string& where);

}  // namespace clipq
