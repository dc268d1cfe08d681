#pragma once

#include <memory>

#include "clipq/model/clip_model.h"
#include "clipq/model/layer_profile.h"

namespace clipq {

/// The model with every layer timed. Towers on native kernels, which run as one, are timed by what
/// they do in each block.
ClipModel profiled(ClipModel model, const std::shared_ptr<LayerProfile>& profile);

}  // namespace clipq
