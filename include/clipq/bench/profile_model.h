#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "clipq/bench/latency.h"
#include "clipq/model/clip_model.h"
#include "clipq/model/layer_profile.h"

namespace clipq {

/// The model with every layer timed. Towers on native kernels, which run as one, are timed by what
/// they do in each block.
ClipModel profiled(ClipModel model, const std::shared_ptr<LayerProfile>& profile);

/// Mean milliseconds of a forward pass by layer, and what isn't in layers.
struct LayerTimes {
  std::map<std::string, double> layers;
  double rest = 0;
};

/// Times the layers in a few passes; `what` and what is thrown are timed_task()'s.
LayerTimes layer_times(const TimedModel& model, const std::string& what, std::int64_t batch);

}  // namespace clipq
