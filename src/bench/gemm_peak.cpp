#include "clipq/bench/gemm_peak.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <functional>

#include "clipq/kernels/kernel_path.h"
#include "clipq/kernels/panel_linear.h"
#include "shortest_time.h"

namespace clipq {
namespace {

constexpr int kTimes = 8;
constexpr std::int64_t kDepth = 768;
constexpr std::int64_t kColumns = 512;
constexpr std::int64_t kFloatSide = 768;

/// Of products of so many rows with a weight [kColumns, kDepth] by every thread.
double gops_on_all_threads(std::int64_t rows, const std::function<void()>& multiply) {
  const int threads = at::get_num_threads();
  const double seconds = shortest_seconds([&] {
    at::parallel_for(0, threads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = 0; i < (end - begin) * kTimes; ++i) multiply();
    });
  });
  return 2e-9 * static_cast<double>(rows * kDepth * kColumns) * kTimes * threads / seconds;
}

/// Every thread multiplies the same codes with the same weight, as many rows as native layers take
/// at once.
double int8_gops(const IntegerPath& path, const IntegerWeight& weight) {
  const std::unique_ptr<IntegerMatrix> matrix = path.pack(weight);
  const std::ptrdiff_t stride = code_stride(kDepth);
  const std::vector<std::uint8_t> codes(static_cast<std::size_t>(path.panel_rows * stride), 1);
  return gops_on_all_threads(path.panel_rows, [&] {
    matrix->multiply(codes.data(), path.panel_rows, stride, 0, kColumns,
                     [](const AccumulatorTile&) {});
  });
}

/// The same with FP8 on both sides.
double fp8_gops(const FloatPath& path, const QuantizedTensor& weight) {
  const std::unique_ptr<FloatMatrix> matrix = path.pack(weight, /*input_is_quantized=*/true);
  InputPanel panel;
  panel.resize(path.panel_rows, kDepth * static_cast<std::int64_t>(sizeof(float)));
  std::fill_n(panel.receive_floats(), panel.stride() / 4 * path.panel_rows, 1.0F);
  return gops_on_all_threads(path.panel_rows, [&] {
    matrix->multiply(panel.codes(), path.panel_rows, panel.stride(), 0, kColumns,
                     [](const FloatTile&) {});
  });
}

QuantizedTensor fp8_weight() {
  QuantizerSpec spec;
  spec.format = Format::kFp8E4M3;
  const at::Tensor ones = at::ones({kColumns, kDepth});
  return quantize(ones, spec, scales_for(spec, range_of(ones, spec)));
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
  const QuantizedTensor fp8 = fp8_weight();
  for (const FloatPath& path : float_paths()) {
    // What splits numbers multiplies FP8 as the path before it does.
    if (!path.supported() || path.rounding > 0) continue;
    const double gops = fp8_gops(path, fp8);
    if (!path.takes_bfloat16) peak.float32_gops = std::max(peak.float32_gops, gops);
    if (gops <= peak.fp8_gops) continue;
    peak.fp8_gops = gops;
    peak.fp8_kernels = path.name;
  }
  return peak;
}

double GemmPeak::of(const std::string& kernels) const {
  const std::string name = kernels.substr(0, kernels.find_first_of(" ,"));
  for (const KernelPath& path : kernel_paths()) {
    if (path.name != name) continue;
    if (path.integer != nullptr) return int8_gops;
    return path.floats->takes_bfloat16 ? fp8_gops : float32_gops;
  }
  return float32_gops;
}

Json to_json(const GemmPeak& peak) {
  return {{"int8_gops", peak.int8_gops},
          {"int8_kernels", peak.int8_kernels},
          {"fp8_gops", peak.fp8_gops},
          {"fp8_kernels", peak.fp8_kernels},
          {"float32_gops", peak.float32_gops}};
}

}  // namespace clipq
