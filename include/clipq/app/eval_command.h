#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clipq/app/open_model.h"

namespace clipq {

/// clipq eval.
struct EvalOptions {
  std::vector<std::filesystem::path> models;
  std::string task = "zeroshot_classification";
  std::string data;  ///< SPEC
  std::filesystem::path
      classnames;  ///< empty: ImageNet's by CLIP_benchmark, else the data set's own
  std::filesystem::path templates;  ///< empty: CLIP_benchmark's
  std::int64_t limit = 0;           ///< first items only; 0: all
  std::int64_t batch_size = 64;
  int decode_threads = 2;
  ModelOptions model;
};

/// The tasks that eval knows, for `clipq list tasks`.
std::vector<std::pair<std::string, std::string>> tasks();

/// One Result a model, in their order.
std::vector<Result> evaluate(const EvalOptions& options);

}  // namespace clipq
