#include "clipq/quant/diagnosis.h"

#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>

#include "clipq/model/clip_model.h"

namespace clipq {
namespace {

constexpr double kLargestSqnr = 200;
constexpr std::int64_t kPortion = 1 << 20;  // values looked at together, to bound memory

/// Sums over the values that a quantizer met.
struct Fit {
  double signal = 0;
  double noise = 0;
  double clipped = 0;
  std::int64_t values = 0;

  Diagnosis diagnosis() const {
    const double share = values == 0 ? 0 : clipped / static_cast<double>(values);
    if (noise == 0) return {share, kLargestSqnr, {}, {}, {}};
    const double sqnr = signal == 0 ? 0 : 10 * std::log10(signal / noise);
    return {share, std::min(kLargestSqnr, sqnr), {}, {}, {}};
  }
};

double energy(const at::Tensor& values) {
  const double norm = values.norm().item<double>();
  return norm * norm;
}

/// How many values [rows, columns] lie more than half a step (of the largest codes) beyond the
/// codes' range: farther than rounding would bring them.
double count_clipped(const at::Tensor& rows, const QuantizerSpec& spec, const Scales& scales) {
  const Range range = representable(spec, scales);
  const double half_step = format_info(spec.format).top_step / 2;
  const at::Tensor& low_scale = spec.scheme == Scheme::kTwin ? scales.negative_scale : scales.scale;
  const Scales low = {range.min.sub(low_scale, half_step), {}, {}};
  const Scales high = {range.max.add(scales.scale, half_step), {}, {}};
  const at::Tensor below = rows.lt(column_scales(low, spec, rows.sizes()).scale);
  const at::Tensor above = rows.gt(column_scales(high, spec, rows.sizes()).scale);
  return below.logical_or_(above).sum().item<double>();
}

void add(Fit& fit, const at::Tensor& x, const at::Tensor& quantized) {
  fit.signal += energy(x);
  fit.noise += energy(x.sub(quantized));
  fit.values += x.numel();
}

/// The rows [begin, begin + count) of a weight.
QuantizedTensor narrow(const QuantizedTensor& whole, std::int64_t begin, std::int64_t count) {
  const auto rows_of = [&](const at::Tensor& table) {
    return table.defined() && table.dim() > 0 ? table.narrow(0, begin, count) : table;
  };
  return {whole.spec,
          rows_of(whole.codes),
          whole.columns,
          {rows_of(whole.scales.scale), rows_of(whole.scales.zero_point), {}}};
}

}  // namespace

Range representable(const QuantizerSpec& spec, const Scales& scales) {
  const double max_code = spec.max_code();
  const at::Tensor high = scales.scale.mul(max_code);
  if (spec.scheme == Scheme::kTwin) return {scales.negative_scale.mul(-max_code), high};
  if (spec.scheme == Scheme::kSymmetric) return {high.neg(), high};
  return {scales.zero_point.neg().mul(scales.scale),
          scales.zero_point.neg().add(max_code).mul(scales.scale)};
}

Diagnosis diagnose(const at::Tensor& weight, const QuantizedTensor& quantized) {
  Fit fit;
  const std::int64_t portion = std::max<std::int64_t>(1, kPortion / weight.size(1));
  for (std::int64_t begin = 0; begin < weight.size(0); begin += portion) {
    const std::int64_t count = std::min(portion, weight.size(0) - begin);
    const at::Tensor rows = weight.narrow(0, begin, count);
    const QuantizedTensor part = narrow(quantized, begin, count);
    add(fit, rows, dequantize(part));
    fit.clipped += count_clipped(rows, part.spec, part.scales);
  }
  return fit.diagnosis();
}

Diagnosis diagnose(const at::Tensor& x, const ActivationQuantizer& quantizer) {
  Fit fit;
  add(fit, x, quantizer.simulate(x));
  if (quantizer.spec().range == RangeKind::kStatic) {
    fit.clipped = count_clipped(x.reshape({-1, x.size(-1)}), quantizer.spec(), quantizer.scales());
  }
  return fit.diagnosis();
}

double mean_cosine(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor same = a.eq(b).all(-1);
  return at::where(same, 1.0, row_cosines(a, b)).mean().item<double>();
}

}  // namespace clipq
