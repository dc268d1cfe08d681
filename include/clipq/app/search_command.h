#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clipq/app/recipe_choice.h"
#include "clipq/eval/task.h"
#include "clipq/report/gate.h"

namespace clipq {

/// What a search makes as small as it can.
enum class SearchCost { kSize, kLatency, kOperations };

/// "size", "latency" or "operations".
const char* name_of(SearchCost cost);

/// Throws UsageError with the valid names.
SearchCost parse_search_cost(const std::string& name);

/// clipq search.
struct SearchCommandOptions : CalibrationChoice {
  std::filesystem::path checkpoint;
  std::vector<DropGate> goals;  ///< at least one
  SearchCost minimize = SearchCost::kSize;
  std::vector<std::string> formats = {"int4", "int8", "float"};  ///< see load_layer_format()
  std::vector<std::string> beside = {};  ///< recipes that are measured on the held-out data, too
  std::string task = "zeroshot_classification";
  std::string data;                              ///< SPEC
  std::filesystem::path captions;                ///< of the data set, where it needs them
  std::int64_t limit = 0;                        ///< first items only; 0: all
  std::string held_out_data = {};                ///< SPEC; empty: half of the data
  std::filesystem::path held_out_captions = {};  ///< likewise
  std::int64_t held_out_limit = 0;               ///< likewise; 0: all
  std::int64_t sensitivity_items = 1000;         ///< of the search data, at most
  TaskOptions task_options = {};
  std::int64_t latency_batch = 1;
  bool require_certain = false;       ///< a goal that may be met by chance isn't met
  std::optional<double> budget = {};  ///< seconds after which nothing more is tried
  std::uint64_t seed = 0;             ///< by which the data are divided
  std::int64_t batch_size = 64;
  int decode_threads = 2;
  std::int64_t skip_bad = 0;          ///< maximum number of undecodable images
  std::filesystem::path output = {};  ///< the recipe
  std::filesystem::path result = {};  ///< the Result; empty: it isn't written
  bool resume = false;                ///< continue an interrupted search
  ModelOptions model = {};
};

/// Looks for the recipe with the least cost whose model meets the goals on the search data,
/// measures it on the held-out data, writes it, and gives `write` a Result of the checkpoint with
/// all that was tried. What is kept beside the output meanwhile is removed after that. Throws
/// UsageError, InputError or Interrupted; GateError, after `write`, if no recipe met the goals, or
/// if the one that was found misses them on the held-out data.
void search(const SearchCommandOptions& options,
            const std::function<void(const Result& result)>& write);

}  // namespace clipq
