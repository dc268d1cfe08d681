#include "clipq/bench/latency.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "clipq/core/progress.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::uint64_t kSeed = 1;

double milliseconds_of(const std::function<void()>& task) {
  const auto start = std::chrono::steady_clock::now();
  task();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

at::Tensor random_pixels(const ClipConfig& config, std::int64_t batch) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(kSeed);
  const std::int64_t side = config.image_resolution;
  return at::randn({batch, 3, side, side}, generator, at::TensorOptions(at::kFloat));
}

/// Texts that fill the context: random ids with the end-of-text id last.
at::Tensor random_tokens(const ClipConfig& config, std::int64_t batch) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(kSeed);
  at::Tensor tokens = at::randint(1, config.vocab_size - 2, {batch, config.context_length},
                                  generator, at::TensorOptions(at::kLong));
  tokens.select(1, config.context_length - 1).fill_(config.vocab_size - 1);
  return tokens;
}

std::function<void()> image_task(const TimedModel& timed, std::int64_t batch) {
  const ClipModel& model = *timed.model;
  return [&model, pixels = random_pixels(model.config, batch)] { model.encode_image(pixels); };
}

std::function<void()> text_task(const TimedModel& timed, std::int64_t batch) {
  const ClipModel& model = *timed.model;
  return [&model, tokens = random_tokens(model.config, batch)] { model.encode_text(tokens); };
}

std::function<void()> prompts_task(const TimedModel& timed, std::int64_t batch) {
  const at::Tensor rows = at::arange(batch, at::kLong).remainder(timed.prompts.size(0));
  return [&model = *timed.model, tokens = at::index_select(timed.prompts, 0, rows)] {
    model.encode_text(tokens);
  };
}

}  // namespace

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
  const auto measure = [&](const char* tower, std::int64_t batch, auto make_task) {
    std::vector<std::function<void()>> tasks;
    for (const TimedModel& model : models) tasks.push_back(make_task(model, batch));
    const std::vector<LatencyStats> stats = time_interleaved(tasks, options);
    for (std::size_t i = 0; i < models.size(); ++i) latencies[i][tower][batch] = stats[i];
  };
  const bool all_have_prompts =
      std::all_of(models.begin(), models.end(),
                  [](const TimedModel& model) { return model.prompts.defined(); });
  for (const std::int64_t batch : options.batch_sizes) {
    if (options.image) measure("image", batch, image_task);
    if (options.text) measure("text", batch, text_task);
    if (options.text && all_have_prompts) measure("text_prompts", batch, prompts_task);
  }
  return latencies;
}

}  // namespace clipq
