#include "clipq/app/bench_command.h"

#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <utility>

#include "clipq/bench/end_to_end.h"
#include "clipq/bench/environment.h"
#include "clipq/bench/gemm_peak.h"
#include "clipq/bench/memory_bandwidth.h"
#include "clipq/bench/operations.h"
#include "clipq/bench/profile_model.h"
#include "clipq/core/error.h"
#include "clipq/core/memory.h"
#include "clipq/core/stopwatch.h"
#include "clipq/core/strings.h"
#include "clipq/model/size_parts.h"
#include "everyday_prompts.h"

namespace clipq {

namespace {

double seconds_to_read(const std::filesystem::path& file) {
  Stopwatch stopwatch;
  std::ifstream in(file, std::ios::binary);
  std::vector<char> buffer(1 << 20);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()))) {
  }
  return stopwatch.lap();
}

/// A model, and the cost of opening it.
struct LoadedModel {
  OpenedModel opened;
  TimedModel timed;
  Json load;
};

std::unique_ptr<LoadedModel> with_prompts(OpenedModel opened) {
  auto loaded = std::make_unique<LoadedModel>(LoadedModel{std::move(opened), {}, {}});
  loaded->timed = {&loaded->opened.model, everyday_prompts(loaded->opened)};
  return loaded;
}

/// What the file holds of the part of a model that is wanted.
std::int64_t stored_bytes(const ModelInfo& info, const std::optional<Tower>& tower) {
  if (!tower || info.parts.empty()) return info.size_bytes;
  return tower_sum(info.parts, *tower, /*with_embedding=*/true);
}

/// What a forward pass reads of a tower at least, which is each weight once; of the token embedding
/// it reads a few rows. 0: unknown.
std::int64_t weight_bytes(const OpenedModel& opened, Tower tower) {
  constexpr std::int64_t kBytesOfFloat32 = 4;
  if (opened.info.mode == "native") return tower_sum(opened.info.parts, tower, false);
  if (opened.info.mode == "onnx") return 0;
  ClipModel model = opened.model;
  return kBytesOfFloat32 * tower_sum(parameter_counts(parts_of(model)), tower, false);
}

/// @param start_seconds from the start of this process to that of the benchmark
std::unique_ptr<LoadedModel> load(const std::filesystem::path& file, const ModelOptions& options,
                                  double start_seconds) {
  const double read_seconds = seconds_to_read(file);
  // Otherwise memory freed by earlier work would be reused first and hide the cost of loading.
  return_free_memory_to_system();
  const std::int64_t before = resident_bytes();
  forget_peak_resident();
  Stopwatch stopwatch;
  OpenedModel opened = open_model(file, options);
  const double load_seconds = stopwatch.lap();
  Json figures = {{"start_seconds", start_seconds},
                  {"read_seconds", read_seconds},
                  {"load_seconds", load_seconds},
                  {"stored_bytes", stored_bytes(opened.info, options.tower)},
                  {"resident_bytes", resident_bytes() - before},
                  {"peak_resident_bytes", peak_resident_bytes() - before}};
  std::unique_ptr<LoadedModel> loaded = with_prompts(std::move(opened));
  const bool has_image = loaded->opened.model.has(Tower::kImage);
  figures["first_run_seconds"] =
      milliseconds_of(timed_task(loaded->timed, has_image ? "image" : "text", 1).run) / 1e3;
  loaded->load = std::move(figures);
  return loaded;
}

/// The limits of this machine.
struct Peaks {
  GemmPeak gemm = measure_gemm_peak();
  MemoryBandwidth bandwidth = measure_memory_bandwidth();
};

/// Throughput and operations of what was timed, from its median, and their shares of the peaks.
Json rates(const LoadedModel& loaded, const Latencies& latencies, const Peaks& peaks) {
  const bool is_native = loaded.opened.info.mode == "native";
  const double peak_gops = peaks.gemm.of(is_native ? loaded.opened.info.kernels : "");
  Json json = Json::object();
  for (const auto& [what, batches] : latencies) {
    for (const auto& [batch, stats] : batches) {
      const std::int64_t operations = timed_task(loaded.timed, what, batch).operations;
      const double gops = static_cast<double>(operations) / stats.median_ms / 1e6;
      Json& figures = json[what][std::to_string(batch)];
      figures = {{"items_per_second", 1e3 * static_cast<double>(batch) / stats.median_ms},
                 {"operations", operations},
                 {"gops", gops},
                 {"share_of_peak", gops / peak_gops}};
      const std::int64_t bytes =
          weight_bytes(loaded.opened, what == "image" ? Tower::kImage : Tower::kText);
      if (bytes == 0) continue;
      figures["weight_bytes"] = bytes;
      figures["share_of_bandwidth"] =
          static_cast<double>(bytes) / stats.median_ms / 1e6 / peaks.bandwidth.gigabytes_per_second;
    }
  }
  return json;
}

/// Milliseconds of every layer in a run, by what was run and batch size; "(rest)" is what no layer
/// accounts for.
Json profile_of(const LoadedModel& loaded, const Latencies& latencies) {
  Json json = Json::object();
  for (const auto& [what, batches] : latencies) {
    for (const auto& [batch, stats] : batches) {
      const LayerTimes times = layer_times(loaded.timed, what, batch);
      Json layers = times.layers;
      layers["(rest)"] = times.rest;
      json[what][std::to_string(batch)] = std::move(layers);
    }
  }
  return json;
}

/// Every model's embedding of image files at every batch size, as it stands in its Result.
std::vector<Json> end_to_end_of(const std::vector<std::unique_ptr<LoadedModel>>& models,
                                const Dataset& dataset, const BenchOptions& options) {
  EndToEndOptions wanted = {.images = items_within(options.image_limit, dataset),
                            .decode_threads = options.decode_threads,
                            .repeats = options.latency};
  // A pass over all images is long enough not to need many.
  wanted.repeats.warm_up = 1;
  wanted.repeats.min_repeats = 3;
  std::vector<EvaluatedModel> evaluated_models;
  for (const auto& each : models) evaluated_models.push_back(evaluated(each->opened));
  std::vector<Json> of_models(models.size(),
                              {{"data", dataset.spec()},
                               {"images", wanted.images},
                               {"content_sha256", content_hash(dataset, wanted.images).sha256}});
  for (const std::int64_t batch_size : options.latency.batch_sizes) {
    wanted.batch_size = batch_size;
    const std::vector<EndToEnd> measured = measure_end_to_end(evaluated_models, dataset, wanted);
    for (std::size_t i = 0; i < models.size(); ++i) {
      of_models[i]["by_batch_size"][std::to_string(batch_size)] = to_json(measured[i]);
    }
  }
  return of_models;
}

}  // namespace

std::vector<Result> bench(const BenchOptions& options) {
  const double start_seconds = seconds_since_start();
  std::unique_ptr<Dataset> images;
  if (!options.images.empty()) images = open_dataset("images:" + options.images.string());
  std::vector<std::unique_ptr<LoadedModel>> models;
  std::vector<TimedModel> timed;
  ModelOptions wanted = options.model;
  if (!options.latency.text) wanted.tower = Tower::kImage;
  if (!options.latency.image) wanted.tower = Tower::kText;
  for (const std::filesystem::path& file : options.models) {
    models.push_back(load(file, wanted, start_seconds));
    timed.push_back(models.back()->timed);
  }
  const Peaks peaks;
  const std::vector<Latencies> latencies = measure_latencies(timed, options.latency);
  std::vector<Json> end_to_end;
  if (images) end_to_end = end_to_end_of(models, *images, options);
  std::vector<Result> results;
  for (std::size_t i = 0; i < models.size(); ++i) {
    Result result;
    result.task = "bench";
    result.model = models[i]->opened.info;
    warn_of_unchecked(result);
    result.latency = latencies[i];
    Json& details = result.details["bench"];
    details = {{"load", models[i]->load},
               {"gemm_peak", to_json(peaks.gemm)},
               {"memory_bandwidth", to_json(peaks.bandwidth)},
               {"rates", rates(*models[i], latencies[i], peaks)}};
    if (!end_to_end.empty()) details["end_to_end"] = end_to_end[i];
    if (options.profile) details["profile_ms"] = profile_of(*models[i], latencies[i]);
    result.environment = current_environment();
    results.push_back(std::move(result));
  }
  return results;
}

std::function<double(const std::string& request)> bench_on_request(const BenchOptions& options) {
  if (options.models.size() != 1)
    throw UsageError("bench --on-request: expected exactly one model");
  std::shared_ptr<LoadedModel> loaded =
      with_prompts(open_model(options.models.front(), options.model));
  auto tasks = std::make_shared<std::map<std::string, TimedTask>>();
  return [loaded, tasks](const std::string& request) {
    std::istringstream words(request);
    std::string what;
    std::int64_t batch = 0;
    if (!(words >> what >> batch) || batch < 1 || !(words >> std::ws).eof()) {
      throw UsageError(cat("bench --on-request: got \"", request, "\", expected lines such as ",
                           "\"image 32\""));
    }
    const auto known = tasks->find(request);
    const TimedTask& task =
        known != tasks->end()
            ? known->second
            : tasks->emplace(request, timed_task(loaded->timed, what, batch)).first->second;
    return milliseconds_of(task.run);
  };
}

}  // namespace clipq
