#include "clipq/app/bench_command.h"

#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <utility>

#include "clipq/bench/environment.h"
#include "clipq/bench/gemm_peak.h"
#include "clipq/bench/operations.h"
#include "clipq/bench/profile_model.h"
#include "clipq/core/error.h"
#include "clipq/core/memory.h"
#include "clipq/core/stopwatch.h"
#include "clipq/core/strings.h"
#include "clipq/eval/prompt_classifier.h"
#include "clipq/text/prompts.h"

namespace clipq {

namespace {

constexpr int kProfiledRuns = 5;

/// ImageNet's first class names in OpenAI's seven templates: prompts of typical length. Undefined
/// if the model has no text tower, or its tokenizer isn't known.
at::Tensor everyday_prompts(const OpenedModel& opened) {
  constexpr std::size_t kClasses = 16;
  if (!opened.model.text || !opened.tokenizer.fits(opened.model.text->config().vocab_size))
    return {};
  std::vector<std::string> names = builtin_class_names("imagenet1k");
  names.resize(kClasses);
  const PromptEnsemble ensemble = {names, load_templates("imagenet7", "imagenet1k")};
  return tokens_of(ensemble.prompts(), opened.tokenizer, opened.model.text->config());
}

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
  std::int64_t bytes = 0;
  for (const auto& [part, size] : info.parts) {
    const bool is_text = part.starts_with("text") || part == "token embedding";
    if (*tower == Tower::kText ? is_text : part.starts_with("image")) bytes += size;
  }
  return bytes;
}

std::unique_ptr<LoadedModel> load(const std::filesystem::path& file, const ModelOptions& options) {
  const double read_seconds = seconds_to_read(file);
  // Otherwise memory freed by earlier work would be reused first and hide the cost of loading.
  return_free_memory_to_system();
  const std::int64_t before = resident_bytes();
  forget_peak_resident();
  Stopwatch stopwatch;
  OpenedModel opened = open_model(file, options);
  const double load_seconds = stopwatch.lap();
  Json figures = {{"read_seconds", read_seconds},
                  {"load_seconds", load_seconds},
                  {"stored_bytes", stored_bytes(opened.info, options.tower)},
                  {"resident_bytes", resident_bytes() - before},
                  {"peak_resident_bytes", peak_resident_bytes() - before}};
  std::unique_ptr<LoadedModel> loaded = with_prompts(std::move(opened));
  loaded->load = std::move(figures);
  return loaded;
}

/// Throughput and operations of what was timed, from its median.
Json rates(const LoadedModel& loaded, const Latencies& latencies, const GemmPeak& peak) {
  const bool is_native = loaded.opened.info.mode == "native";
  const double peak_gops = peak.of(is_native ? loaded.opened.info.kernels : "");
  Json json = Json::object();
  for (const auto& [what, batches] : latencies) {
    for (const auto& [batch, stats] : batches) {
      const std::int64_t operations = timed_task(loaded.timed, what, batch).operations;
      const double gops = static_cast<double>(operations) / stats.median_ms / 1e6;
      json[what][std::to_string(batch)] = {
          {"items_per_second", 1e3 * static_cast<double>(batch) / stats.median_ms},
          {"operations", operations},
          {"gops", gops},
          {"share_of_peak", gops / peak_gops}};
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
      const auto profile = std::make_shared<LayerProfile>();
      const ClipModel model = profiled(loaded.opened.model, profile);
      const TimedTask task = timed_task({&model, loaded.timed.prompts}, what, batch);
      task.run();
      const std::map<std::string, double> warm_up = profile->seconds();
      double rest = 0;
      for (int i = 0; i < kProfiledRuns; ++i) rest += milliseconds_of(task.run);
      Json layers = Json::object();
      for (const auto& [layer, seconds] : profile->seconds()) {
        const auto before = warm_up.find(layer);
        const double own = 1e3 * (seconds - (before == warm_up.end() ? 0 : before->second));
        layers[layer] = own / kProfiledRuns;
        rest -= own;
      }
      layers["(rest)"] = rest / kProfiledRuns;
      json[what][std::to_string(batch)] = std::move(layers);
    }
  }
  return json;
}

}  // namespace

std::vector<Result> bench(const BenchOptions& options) {
  std::vector<std::unique_ptr<LoadedModel>> models;
  std::vector<TimedModel> timed;
  ModelOptions wanted = options.model;
  if (!options.latency.text) wanted.tower = Tower::kImage;
  if (!options.latency.image) wanted.tower = Tower::kText;
  for (const std::filesystem::path& file : options.models) {
    models.push_back(load(file, wanted));
    timed.push_back(models.back()->timed);
  }
  const GemmPeak peak = measure_gemm_peak();
  const std::vector<Latencies> latencies = measure_latencies(timed, options.latency);
  std::vector<Result> results;
  for (std::size_t i = 0; i < models.size(); ++i) {
    Result result;
    result.task = "bench";
    result.model = models[i]->opened.info;
    warn_of_unchecked(result);
    result.latency = latencies[i];
    Json& details = result.details["bench"];
    details = {{"load", models[i]->load},
               {"gemm_peak", to_json(peak)},
               {"rates", rates(*models[i], latencies[i], peak)}};
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
