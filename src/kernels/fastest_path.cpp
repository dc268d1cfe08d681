#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

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

/// A path and the shortest time, in seconds, in which it multiplied kRows rows of codes with a part
/// of the weight.
struct Trial {
  const IntegerPath* path;
  std::unique_ptr<IntegerMatrix> matrix;
  double shortest = std::numeric_limits<double>::infinity();
};

/// Multiplies once, while all threads do the same, as they do in a model.
void run(Trial& trial, const std::vector<std::uint8_t>& codes, std::ptrdiff_t stride,
         std::int64_t columns) {
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t begin, std::int64_t /*end*/) {
    Stopwatch stopwatch;
    trial.matrix->multiply(codes.data(), kRows, stride, 0, columns, [](const AccumulatorTile&) {});
    const double seconds = stopwatch.lap();
    if (begin == 0) trial.shortest = std::min(trial.shortest, seconds);
  });
}

const IntegerPath& measure(IntegerWeight weight) {
  const std::ptrdiff_t stride = code_stride(weight.in_features);
  const std::vector<std::uint8_t> codes(static_cast<std::size_t>(kRows * stride), 1);
  std::vector<Trial> trials;
  const std::vector<const IntegerPath*> usable = usable_integer_paths(weight);
  weight.out_features = std::min(weight.out_features, kMostColumns);
  for (const IntegerPath* path : usable) trials.push_back({path, path->pack(weight)});
  // In turns: what disturbs the machine for a moment disturbs all of them.
  for (int i = 0; i < kRepeats; ++i) {
    for (Trial& trial : trials) run(trial, codes, stride, weight.out_features);
  }
  const Trial* fastest = nullptr;
  for (const Trial& trial : trials) {
    const double operations =
        2.0 * static_cast<double>(kRows * weight.in_features * weight.out_features);
    log::debug(cat("kernels for ", weight.in_features, " x ", weight.out_features, ": ",
                   trial.path->name, " ", fixed(operations / trial.shortest / 1e9, 0),
                   " GOP/s on one thread"));
    if (fastest == nullptr || trial.shortest < kClearlyFaster * fastest->shortest) fastest = &trial;
  }
  if (fastest == nullptr) throw InternalError("no integer kernels for a weight");
  return *fastest->path;
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
