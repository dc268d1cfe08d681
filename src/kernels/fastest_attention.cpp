#include <algorithm>
#include <limits>
#include <map>
#include <mutex>

#include "clipq/core/log.h"
#include "clipq/core/stopwatch.h"
#include "clipq/core/strings.h"
#include "clipq/kernels/attention_path.h"

namespace clipq {
namespace {

constexpr int kRepeats = 20;

/// Rounding to bfloat16 must save more than this share of float32's time.
constexpr double kClearlyFaster = 0.85;

/// The shortest time, in seconds, in which a path computes a head.
double trial(const AttentionPath& path, const HeadShape& shape) {
  const std::int64_t width = shape.head_width;
  const auto rows = static_cast<std::size_t>(shape.tokens * width);
  const std::vector<float> projected(3 * rows, 0.5F);
  std::vector<float> out(rows);
  AttentionScratch scratch;
  const HeadView head = {.queries = projected.data(),
                         .query_stride = 3 * width,
                         .query_rows = shape.tokens,
                         .keys = projected.data() + width,
                         .values = projected.data() + 2 * width,
                         .key_stride = 3 * width,
                         .tokens = shape.tokens,
                         .head_width = width,
                         .causal = shape.causal,
                         .out = out.data(),
                         .out_stride = width};
  double shortest = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kRepeats; ++i) {
    Stopwatch stopwatch;
    path.attend(head, scratch);
    shortest = std::min(shortest, stopwatch.lap());
  }
  return shortest;
}

const AttentionPath& measure(const HeadShape& shape) {
  const AttentionPath* fastest = &float32_attention_path();
  double shortest = kClearlyFaster * trial(*fastest, shape);
  for (const AttentionPath& path : attention_paths()) {
    if (!path.supported() || &path == &float32_attention_path()) continue;
    const double time = trial(path, shape);
    log::debug(cat("attention of ", shape.tokens, " tokens of ", shape.head_width, ": ", path.name,
                   " takes ", fixed(time / shortest * kClearlyFaster, 2), " of float32's time"));
    if (time >= shortest) continue;
    shortest = time;
    fastest = &path;
  }
  return *fastest;
}

}  // namespace

const AttentionPath& fastest_attention_path(const HeadShape& shape) {
  static std::mutex mutex;
  static std::map<HeadShape, const AttentionPath*> fastest;
  const std::lock_guard lock(mutex);
  const auto found = fastest.find(shape);
  if (found != fastest.end()) return *found->second;
  return *(fastest[shape] = &measure(shape));
}

}  // namespace clipq
