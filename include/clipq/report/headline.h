#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/report/merged_results.h"

namespace clipq {

/// The models that no other one beats at one accuracy and one cost.
struct Front {
  std::size_t metric = 0;              ///< among Headline::metrics
  std::optional<std::size_t> latency;  ///< among Headline::latencies; none: the cost is the size
  std::vector<std::size_t> rows;       ///< by rising cost
};

/// All but those of layers, which are of simulated models, unless they are all that is known of
/// one: what tables of models show.
std::vector<Result> headline_results(const std::vector<Result>& results);

/// The first section of a report.
struct Headline {
  MergedResults merged;             ///< of all Results but those of layers about models with others
  std::vector<std::string> labels;  ///< short and distinct, one per row
  std::vector<MetricColumn> metrics;  ///< accuracies only: top-1, mean average precision, the
                                      ///< shortest lists' recalls
  std::vector<LatencyColumn> latencies;
  std::vector<Front> fronts;
};

/// Throws UsageError without Results.
Headline headline(const std::vector<Result>& results);

/// The shortest names that distinguish all models: as much of recipe, component, file, path and
/// mode as needed.
std::vector<std::string> short_labels(const MergedResults& merged);

}  // namespace clipq
