#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <tuple>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/stopwatch.h"
#include "clipq/core/strings.h"
#include "clipq/kernels/integer_path.h"

namespace clipq {
namespace {

constexpr std::int64_t kRows = 48;
constexpr std::int64_t kMostColumns = 512;
constexpr int kRepeats = 5;

/// A path listed later, which can't be fused as well or is slower elsewhere, must take less than
/// this share of the time: short trials are noisy.
constexpr double kClearlyFaster = 0.85;

/// The shortest time, in seconds, in which a path multiplies kRows rows of codes with a part of the
/// weight while all threads do the same, as they do in a model.
double trial(const IntegerPath& path, IntegerWeight weight, const std::vector<std::uint8_t>& codes,
             std::ptrdiff_t stride) {
  weight.out_features = std::min(weight.out_features, kMostColumns);
  const std::unique_ptr<IntegerMatrix> matrix = path.pack(weight);
  double shortest = std::numeric_limits<double>::infinity();
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t begin, std::int64_t /*end*/) {
    for (int i = 0; i < kRepeats; ++i) {
      Stopwatch stopwatch;
      matrix->multiply(codes.data(), kRows, stride, 0, weight.out_features,
                       [](const AccumulatorTile&) {});
      const double seconds = stopwatch.lap();
      if (begin == 0) shortest = std::min(shortest, seconds);
    }
  });
  return shortest;
}

const IntegerPath& measure(const IntegerWeight& weight) {
  const std::ptrdiff_t stride = code_stride(weight.in_features);
  const std::vector<std::uint8_t> codes(static_cast<std::size_t>(kRows * stride), 1);
  const IntegerPath* fastest = nullptr;
  double shortest = std::numeric_limits<double>::infinity();
  for (const IntegerPath* path : usable_integer_paths(weight)) {
    const double time = trial(*path, weight, codes, stride);
    const double operations = 2.0 * static_cast<double>(kRows * weight.in_features) *
                              static_cast<double>(std::min(weight.out_features, kMostColumns));
    log::debug(cat("kernels for ", weight.in_features, " x ", weight.out_features, ": ", path->name,
                   " ", fixed(operations / time / 1e9, 0), " GOP/s on one thread"));
    if (time < kClearlyFaster * shortest) {
      shortest = time;
      fastest = path;
    }
  }
  if (fastest == nullptr) throw InternalError("no integer kernels for a weight");
  return *fastest;
}

}  // namespace

const IntegerPath& fastest_integer_path(const IntegerWeight& weight) {
  using Shape = std::tuple<std::int64_t, std::int64_t, int, int>;
  static std::mutex mutex;
  static std::map<Shape, const IntegerPath*> fastest;
  const std::lock_guard lock(mutex);
  const Shape shape = {weight.out_features, weight.in_features, weight.weight_limit,
                       weight.input_limit};
  const auto found = fastest.find(shape);
  // What is exact may depend on the codes, not only on the shape.
  if (found != fastest.end() && found->second->exact(weight)) return *found->second;
  return *(fastest[shape] = &measure(weight));
}

}  // namespace clipq
