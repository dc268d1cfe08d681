#pragma once

#include <cstdint>
#include <filesystem>

#include "clipq/app/run_command.h"

namespace clipq {

/// clipq demo.
struct DemoOptions {
  std::filesystem::path folder;  ///< created if missing
  std::uint64_t seed = 2021;     ///< of the generated data
  int images_per_class = 20;
  double seconds = 3;  ///< of timing per model, tower and batch size
  int decode_threads = 2;
  std::string command;  ///< as of RunOptions
};

/// Generates data and performs the built-in run "demo" on them with the built-in checkpoint, from
/// scratch: every recipe. Leaves data, models, results.json and the report in the folder.
RunReport demo(const DemoOptions& options);

}  // namespace clipq
