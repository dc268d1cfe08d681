#pragma once

#include <string>

#include "clipq/core/json.h"
#include "clipq/numerics/activation.h"

namespace clipq {

/// What of timm's SigLIP towers only their names tell.
struct TimmSiglip {
  std::int64_t heads;
  Activation activation;
};

inline constexpr double kTimmSiglipEps = 1e-6;

/// The tower that an open_clip `vision_cfg` names. Throws InputError that names `place` if it is
/// none of SigLIP's, or if it is pooled or projected in another way.
TimmSiglip timm_siglip(const Json& vision, const std::string& place);

}  // namespace clipq
