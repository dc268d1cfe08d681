#include "clipq/app/bench_command.h"

#include "clipq/bench/environment.h"

namespace clipq {

std::vector<Result> bench(const BenchOptions& options) {
  std::vector<OpenedModel> opened;
  std::vector<const ClipModel*> models;
  opened.reserve(options.models.size());
  for (const std::filesystem::path& file : options.models) {
    opened.push_back(open_model(file, options.model));
    models.push_back(&opened.back().model);
  }
  const std::vector<Latencies> latencies = measure_latencies(models, options.latency);
  std::vector<Result> results;
  for (std::size_t i = 0; i < opened.size(); ++i) {
    Result result;
    result.task = "bench";
    result.model = opened[i].info;
    result.latency = latencies[i];
    result.environment = current_environment();
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace clipq
