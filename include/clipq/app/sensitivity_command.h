#pragma once

#include <cstdint>
#include <filesystem>
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

/// Quantizes the checkpoint in memory and measures what each group of its layers costs. Returns a
/// Result of the checkpoint. The output isn't written; what is kept beside it while the measurement
/// runs stays until forget_sensitivity(). Throws UsageError, InputError or Interrupted.
Result sensitivity(const SensitivityCommandOptions& options);

/// Removes what a measurement has kept beside its output, when that has been written.
void forget_sensitivity(const SensitivityCommandOptions& options);

}  // namespace clipq
