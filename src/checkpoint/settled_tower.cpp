#include "clipq/checkpoint/settled_tower.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

template <typename T>
Settled<T> settle(const std::optional<T>& option, const std::optional<T>& metadata,
                  const std::optional<T>& code, const T& assumed) {
  if (option) return {*option, Origin::kOption};
  if (metadata) return {*metadata, Origin::kMetadata};
  if (code) return {*code, Origin::kCode};
  return {assumed, Origin::kAssumed};
}

}  // namespace

const char* name_of(Origin origin) {
  switch (origin) {
    case Origin::kOption:
      return "an explicit setting";
    case Origin::kMetadata:
      return "the checkpoint's metadata";
    case Origin::kCode:
      return "the archive's code";
    case Origin::kTried:
      return "tried against the original's embeddings";
    case Origin::kAssumed:
      return "an assumption";
    case Origin::kUnused:
      return "nowhere: it has none";
  }
  throw InternalError("an origin without a name");
}

TowerSettings SettledTower::settings() const {
  return {heads.value, activation.value, layer_norm_eps.value, /*normalized=*/false};
}

std::string SettledTower::assumed() const {
  std::vector<std::string> parts;
  if (heads.origin == Origin::kAssumed) {
    parts.push_back(cat("heads ", heads.value));
  }
  if (activation.origin == Origin::kAssumed) {
    parts.push_back(cat("activation ", name_of(activation.value)));
  }
  if (layer_norm_eps.origin == Origin::kAssumed) {
    parts.push_back(cat("LayerNorm eps ", layer_norm_eps.value));
  }
  return join(parts, ", ");
}

SettledTower settle_tower(const TowerConfig& config, Tower tower, const SettingChoices& options,
                          const SettingChoices& metadata, const CodeSettings& code) {
  const TowerSettings& assumed = config.settings;
  if (!config.is_transformer()) {
    return {settle(options.heads.of(tower), metadata.heads.of(tower), code.heads, assumed.heads),
            {assumed.activation, Origin::kUnused},
            {assumed.layer_norm_eps, Origin::kUnused},
            /*pooling=*/{},
            /*causal=*/{}};
  }
  return {settle(options.heads.of(tower), metadata.heads.of(tower), code.heads, assumed.heads),
          settle(options.activation.of(tower), metadata.activation.of(tower), code.activation,
                 assumed.activation),
          settle(options.layer_norm_eps.of(tower), metadata.layer_norm_eps.of(tower),
                 code.layer_norm_eps, assumed.layer_norm_eps),
          /*pooling=*/{},
          /*causal=*/{}};
}

}  // namespace clipq
