#include "clipq/app/compare_command.h"

#include <algorithm>
#include <iterator>

#include "clipq/core/log.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

std::vector<Result> read_all(const std::vector<std::filesystem::path>& files) {
  std::vector<Result> all;
  for (const std::filesystem::path& file : files) {
    std::vector<Result> results = read_results(file);
    std::move(results.begin(), results.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace

ComparisonReport compare(const CompareOptions& options) {
  const std::vector<Result> base = read_all(options.base);
  ComparisonReport report{compare_results(base, read_all(options.now)), {}};
  const ModelInfo& model = report.models.base;
  const bool alone = std::all_of(base.begin(), base.end(), [&model](const Result& result) {
    return same_model(result.model, model);
  });
  if (!alone) log::info(cat("the base is ", model.path, ", the first model in the base files"));
  report.gates = check_gates(report.models, options.gates);
  return report;
}

}  // namespace clipq
