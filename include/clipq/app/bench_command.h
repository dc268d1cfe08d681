#pragma once

#include <filesystem>
#include <vector>

#include "clipq/app/open_model.h"
#include "clipq/bench/latency.h"

namespace clipq {

/// clipq bench.
struct BenchOptions {
  std::vector<std::filesystem::path> models;
  LatencyOptions latency;
  ModelOptions model;
};

/// One Result a model, in their order; the models' runs are interleaved.
std::vector<Result> bench(const BenchOptions& options);

}  // namespace clipq
