#include "clipq/bench/latency.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <cmath>

#include "clipq/bench/operations.h"
#include "clipq/core/error.h"
#include "clipq/core/progress.h"
#include "clipq/core/stopwatch.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::uint64_t kSeed = 1;

at::Tensor random_pixels(const ImageTowerConfig& config, std::int64_t batch) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(kSeed);
  const std::int64_t side = config.resolution;
  return at::randn({batch, 3, side, side}, generator, at::TensorOptions(at::kFloat));
}

/// Texts that fill the context: random ids with the end-of-text id last.
at::Tensor random_tokens(const TextTowerConfig& config, std::int64_t batch) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(kSeed);
  at::Tensor tokens = at::randint(1, config.vocab_size - 2, {batch, config.context_length},
                                  generator, at::TensorOptions(at::kLong));
  tokens.select(1, config.context_length - 1).fill_(config.vocab_size - 1);
  return tokens;
}

/// Prompts, repeated from the first one if the batch is larger.
at::Tensor prompt_tokens(const TimedModel& timed, std::int64_t batch) {
  const at::Tensor rows = at::arange(batch, at::kLong).remainder(timed.prompts.size(0));
  return at::index_select(timed.prompts, 0, rows);
}

TimedTask text_task(const ClipModel& model, const at::Tensor& tokens) {
  return {[&model, tokens] { model.encode_text(tokens); }, text_operations(model, tokens)};
}

/// Those of "image", "text" and "text_prompts" that the options ask for and all models have.
std::vector<std::string> timed_kinds(const std::vector<TimedModel>& models,
                                     const LatencyOptions& options) {
  const bool all_have_prompts =
      std::all_of(models.begin(), models.end(),
                  [](const TimedModel& model) { return model.prompts.defined(); });
  const auto all_have = [&models](Tower tower) {
    return std::all_of(models.begin(), models.end(),
                       [tower](const TimedModel& model) { return model.model->has(tower); });
  };
  std::vector<std::string> kinds;
  if (options.image && all_have(Tower::kImage)) kinds.emplace_back("image");
  if (options.text && all_have(Tower::kText)) kinds.emplace_back("text");
  if (options.text && all_have_prompts) kinds.emplace_back("text_prompts");
  if (!kinds.empty()) return kinds;
  throw UsageError("bench: the models have none of the towers to be timed in common");
}

}  // namespace

double milliseconds_of(const std::function<void()>& run) {
  Stopwatch stopwatch;
  run();
  return 1e3 * stopwatch.lap();
}

TimedTask timed_task(const TimedModel& timed, const std::string& what, std::int64_t batch) {
  const ClipModel& model = *timed.model;
  if (what == "image") {
    require_tower(model, Tower::kImage, "the model");
    return {[&model, pixels = random_pixels(model.image->config(), batch)] {
              model.encode_image(pixels);
            },
            image_operations(model, batch)};
  }
  if (what == "text") require_tower(model, Tower::kText, "the model");
  if (what == "text") return text_task(model, random_tokens(model.text->config(), batch));
  if (what == "text_prompts" && timed.prompts.defined()) {
    return text_task(model, prompt_tokens(timed, batch));
  }
  throw UsageError(cat("bench: \"", what,
                       "\" can't be timed; expected image or text, or text_prompts if the model's "
                       "tokenizer fits its vocabulary"));
}

LatencyStats latency_stats(std::vector<double> milliseconds) {
  std::sort(milliseconds.begin(), milliseconds.end());
  const std::size_t count = milliseconds.size();
  const double median = count % 2 == 1
                            ? milliseconds[count / 2]
                            : (milliseconds[count / 2 - 1] + milliseconds[count / 2]) / 2;
  const auto rank = static_cast<std::size_t>(std::ceil(0.95 * static_cast<double>(count)));
  return {milliseconds.front(), median, milliseconds[rank - 1], static_cast<std::int64_t>(count)};
}

std::vector<LatencyStats> time_interleaved(const std::vector<std::function<void()>>& tasks,
                                           const LatencyOptions& options) {
  for (std::int64_t i = 0; i < options.warm_up; ++i) {
    for (const auto& task : tasks) task();
  }
  std::vector<std::vector<double>> times(tasks.size());
  Progress progress("timing", 0);
  double spent = 0;
  const double budget = options.seconds * 1000 * static_cast<double>(tasks.size());
  for (std::int64_t run = 0; run < options.max_repeats; ++run) {
    if (run >= options.min_repeats && spent > budget) break;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      times[i].push_back(milliseconds_of(tasks[i]));
      spent += times[i].back();
      progress.advance();
    }
  }
  std::vector<LatencyStats> stats;
  for (std::vector<double>& list : times) stats.push_back(latency_stats(std::move(list)));
  return stats;
}

std::vector<Latencies> measure_latencies(const std::vector<TimedModel>& models,
                                         const LatencyOptions& options) {
  std::vector<Latencies> latencies(models.size());
  for (const std::int64_t batch : options.batch_sizes) {
    for (const std::string& what : timed_kinds(models, options)) {
      std::vector<std::function<void()>> runs;
      for (const TimedModel& model : models) runs.push_back(timed_task(model, what, batch).run);
      const std::vector<LatencyStats> stats = time_interleaved(runs, options);
      for (std::size_t i = 0; i < models.size(); ++i) latencies[i][what][batch] = stats[i];
    }
  }
  return latencies;
}

}  // namespace clipq
