#include "clipq/bench/gemm_peak.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "clipq/core/stopwatch.h"
#include "clipq/kernels/integer_path.h"

namespace clipq {
namespace {

constexpr int kRuns = 20;
constexpr std::int64_t kDepth = 768;
constexpr std::int64_t kColumns = 512;
constexpr std::int64_t kFloatSide = 768;

double shortest_seconds(const std::function<void()>& run) {
  double shortest = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kRuns; ++i) {
    Stopwatch stopwatch;
    run();
    shortest = std::min(shortest, stopwatch.lap());
  }
  return shortest;
}

/// Every thread multiplies the same codes with the same weight, as many rows as native layers take
/// at once.
double int8_gops(const IntegerPath& path, const IntegerWeight& weight) {
  const std::unique_ptr<IntegerMatrix> matrix = path.pack(weight);
  const std::ptrdiff_t stride = code_stride(kDepth);
  const std::vector<std::uint8_t> codes(static_cast<std::size_t>(path.panel_rows * stride), 1);
  constexpr int kTimes = 8;
  const int threads = at::get_num_threads();
  const double seconds = shortest_seconds([&] {
    at::parallel_for(0, threads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = 0; i < (end - begin) * kTimes; ++i) {
        matrix->multiply(codes.data(), path.panel_rows, stride, 0, kColumns,
                         [](const AccumulatorTile&) {});
      }
    });
  });
  return 2e-9 * static_cast<double>(path.panel_rows * kDepth * kColumns) * kTimes * threads /
         seconds;
}

double float32_gops() {
  const at::Tensor left = at::ones({kFloatSide, kFloatSide});
  const at::Tensor right = at::ones({kFloatSide, kFloatSide});
  at::Tensor out = at::empty({kFloatSide, kFloatSide});
  const double seconds = shortest_seconds([&] { at::mm_out(out, left, right); });
  return 2e-9 * kFloatSide * kFloatSide * kFloatSide / seconds;
}

}  // namespace

GemmPeak measure_gemm_peak() {
  const std::vector<std::int8_t> weight(kDepth * kColumns, 1);
  const IntegerWeight plain = {weight.data(), kColumns, kDepth, 127, 127};
  GemmPeak peak;
  for (const IntegerPath* path : usable_integer_paths(plain)) {
    const double gops = int8_gops(*path, plain);
    if (gops <= peak.int8_gops) continue;
    peak.int8_gops = gops;
    peak.int8_kernels = path->name;
  }
  peak.float32_gops = float32_gops();
  return peak;
}

}  // namespace clipq
