#include "clipq/app/compare_command.h"

#include <algorithm>

#include "clipq/app/read_all_results.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"

namespace clipq {
ComparisonReport compare(const CompareOptions& options) {
  const std::vector<Result> base = read_all_results(options.base);
  ComparisonReport report{compare_results(base, read_all_results(options.now)), {}};
  const ModelInfo& model = report.models.base;
  const bool alone = std::all_of(base.begin(), base.end(), [&model](const Result& result) {
    return same_model(result.model, model);
  });
  if (!alone) log::info(cat("the base is ", model.path, ", the first model in the base files"));
  report.gates = check_gates(report.models, options.gates);
  return report;
}

}  // namespace clipq
