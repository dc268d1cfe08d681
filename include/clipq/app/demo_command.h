#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "clipq/bench/latency.h"
#include "clipq/result/result.h"

namespace clipq {

/// clipq demo.
struct DemoOptions {
  std::filesystem::path folder;  ///< made if missing
  std::uint64_t seed = 2021;     ///< of the drawn data
  int images_per_class = 20;
  LatencyOptions latency;
  int decode_threads = 2;
};

/// Draws the data, quantizes the built-in checkpoint with every shipped recipe, evaluates and times
/// all of them beside the float model. Leaves data, models and results.json in the folder.
std::vector<Result> demo(const DemoOptions& options);

}  // namespace clipq
