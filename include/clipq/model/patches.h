#pragma once

#include <memory>
#include <string>

#include "clipq/model/parts.h"
#include "clipq/model/state_dict.h"
#include "clipq/model/tower_config.h"

namespace clipq {

/// Images cut into patches: [batch, 3, R, R] to [batch, (R / patch)^2, 3 * patch * patch], patches
/// and pixels in row-major order, so that a convolution of stride `patch` is a Linear. Pixels
/// beyond the last whole patch are left out, as the convolution does.
at::Tensor patchify(const at::Tensor& pixels, std::int64_t patch);

/// Adds the patch convolution, without a bias.
void add_patches(ModelParts& parts, const PartPlace& tower, const ImageTowerConfig& config,
                 std::shared_ptr<const Linear>& patches);

/// Fills in patch size and resolution.
/// @param other_tokens tokens that have a position but aren't patches
/// Throws InputError that names `where` and what is missing.
void infer_patches(ImageTowerConfig& config, const StateDict& state, std::int64_t other_tokens,
                   const std::string& where);

}  // namespace clipq
