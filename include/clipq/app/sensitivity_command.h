#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "clipq/app/recipe_choice.h"
#include "clipq/eval/task.h"

namespace clipq {

/// clipq sensitivity.
struct SensitivityCommandOptions : RecipeChoice {
  std::filesystem::path checkpoint;
  std::string task = "zeroshot_classification";
  std::string data;                ///< SPEC
  std::filesystem::path captions;  ///< of the data set, where it needs them
  std::int64_t limit = 0;          ///< first items only; 0: all
  TaskOptions task_options = {};
  std::int64_t batch_size = 64;
  int decode_threads = 2;
  std::int64_t skip_bad = 0;          ///< maximum number of undecodable images
  std::filesystem::path output = {};  ///< beside which the state is kept; empty: nowhere
  bool resume = false;                ///< continue an interrupted measurement
  ModelOptions model = {};
};

/// Quantizes the checkpoint in memory, measures what each group of its layers costs, and gives
/// `write` a Result of the checkpoint. What is kept beside the output while the measurement runs
/// is removed after that. Throws UsageError, InputError or Interrupted.
void sensitivity(const SensitivityCommandOptions& options,
                 const std::function<void(const Result& result)>& write);

}  // namespace clipq
