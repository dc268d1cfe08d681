#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clipq/app/model_store.h"
#include "clipq/core/rank_exchange.h"
#include "clipq/eval/task.h"

namespace clipq {

/// clipq eval.
struct EvalOptions {
  std::vector<std::filesystem::path> models;
  std::string task = "zeroshot_classification";
  std::string data;                ///< SPEC
  std::filesystem::path captions;  ///< of the data set, where it needs them
  std::int64_t limit = 0;          ///< first items only; 0: all
  TaskOptions task_options;
  std::int64_t batch_size = 64;
  int decode_threads = 2;
  std::int64_t skip_bad = 0;             ///< maximum number of undecodable images
  std::filesystem::path cache;           ///< folder of the feature cache; empty: none
  std::filesystem::path save_folder;     ///< features are written here; empty: not
  std::filesystem::path clip_benchmark;  ///< folder for CLIP_benchmark's files; empty: none
  ModelOptions model;
};

/// One Result per model, in order.
/// @param ranks processes that share the work; null: there are none. Those above 0 get no Results.
/// Throws UsageError if processes can't share the task, and what RankExchange throws.
std::vector<Result> evaluate(const EvalOptions& options, const RankExchange* ranks = nullptr);

/// The same with models that are open already, and leaves open those that it opens.
std::vector<Result> evaluate(const EvalOptions& options, ModelStore& models,
                             const RankExchange* ranks = nullptr);

}  // namespace clipq
