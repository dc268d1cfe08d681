#pragma once

#include <optional>
#include <string>

#include "clipq/checkpoint/tower_choice.h"
#include "clipq/model/clip_config.h"

namespace clipq {

/// Where a setting comes from, the surest first; last: the tower has no use for it.
enum class Origin { kOption, kMetadata, kCode, kTried, kAssumed, kUnused };

/// As inspect calls it: "an explicit setting", "the checkpoint's metadata", …
const char* name_of(Origin origin);

template <typename T>
struct Settled {
  T value;
  Origin origin = Origin::kAssumed;
};

/// A tower's settings, and where each was found.
struct SettledTower {
  Settled<std::int64_t> heads;
  Settled<Activation> activation;
  Settled<double> layer_norm_eps;
  Settled<TextPooling> pooling;  ///< of a text tower
  Settled<bool> causal;          ///< likewise

  /// With embeddings that aren't normalized.
  TowerSettings settings() const;

  /// What nothing told, in words, "heads 5, LayerNorm eps 1e-05"; empty: nothing.
  std::string assumed() const;
};

/// What a user or the checkpoint's metadata says of settings.
struct SettingChoices {
  TowerChoice<std::int64_t> heads;
  TowerChoice<Activation> activation;
  TowerChoice<double> layer_norm_eps;
};

/// What the text of an archive's code shows of a tower. Empty: it doesn't show, or in two ways.
struct CodeSettings {
  std::optional<std::int64_t> heads;
  std::optional<Activation> activation;
  std::optional<double> layer_norm_eps;
};

/// Each setting from `options`, else from `metadata`, else from `code`, else what OpenAI's models
/// have: heads 64 wide, QuickGELU, eps 1e-5. A ResNet uses its heads only.
SettledTower settle_tower(const TowerConfig& config, Tower tower, const SettingChoices& options,
                          const SettingChoices& metadata, const CodeSettings& code);

}  // namespace clipq
