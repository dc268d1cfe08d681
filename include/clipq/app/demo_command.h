#pragma once

#include <cstdint>
#include <filesystem>

#include "clipq/app/run_command.h"

namespace clipq {

/// clipq demo.
struct DemoOptions {
  std::filesystem::path folder;  ///< made if missing
  std::uint64_t seed = 2021;     ///< of the drawn data
  int images_per_class = 20;
  double seconds = 3;  ///< of timing per model, tower and batch size
  int decode_threads = 2;
  std::string command;  ///< as of RunOptions
};

/// Draws data, and does the built-in run "demo" on them with the built-in checkpoint, from the
/// beginning: every recipe. Leaves data, models, results.json and the report in the folder.
RunReport demo(const DemoOptions& options);

}  // namespace clipq
