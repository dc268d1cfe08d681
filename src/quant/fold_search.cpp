#include "clipq/quant/fold_search.h"

#include <ATen/ops/linear.h>

#include <limits>

#include "clipq/core/interrupt.h"
#include "clipq/numerics/activation_quantizer.h"

namespace clipq {
namespace {

/// x as a quantizer leaves it whose range is that of x.
ActivationQuantizer on_the_spot(const PlacedQuantizer& quantizer) {
  QuantizerSpec spec = quantizer.spec;
  spec.range = RangeKind::kDynamic;
  return ActivationQuantizer::dynamic(spec);
}

at::Tensor quantized_weight(const PlacedQuantizer* quantizer, const at::Tensor& weight) {
  return quantizer == nullptr ? weight : on_the_spot(*quantizer).simulate(weight);
}

/// @param taps positions that a row is of: windows of several have one range an image, for which
///        that of all rows stands
at::Tensor quantized_rows(const PlacedQuantizer* quantizer, const at::Tensor& rows,
                          std::int64_t taps) {
  if (quantizer == nullptr) return rows;
  const ActivationQuantizer input = on_the_spot(*quantizer);
  return (taps > 1 ? over_all_rows(input) : input).simulate(rows);
}

}  // namespace

at::Tensor best_fold_scale(const FoldSite& site, const Placement& placement, const at::Tensor& rows,
                           const std::function<at::Tensor(double exponent)>& scale,
                           std::int64_t steps) {
  const PlacedQuantizer* weight_quantizer =
      find_enabled(placement, {site.consumer_name, Role::kWeight});
  const PlacedQuantizer* input_quantizer =
      find_enabled(placement, {site.consumer_name, Role::kInput});
  const at::Tensor weight = float_contents(**site.consumer).weight;
  const at::Tensor wanted = at::linear(rows, weight);
  double smallest = std::numeric_limits<double>::infinity();
  at::Tensor best;
  for (std::int64_t step = 0; step <= steps; ++step) {
    throw_if_interrupted();
    const at::Tensor candidate = scale(static_cast<double>(step) / static_cast<double>(steps));
    const at::Tensor columns = by_column(site, candidate);
    const at::Tensor got = at::linear(quantized_rows(input_quantizer, rows.div(columns), site.taps),
                                      quantized_weight(weight_quantizer, weight.mul(columns)));
    const double error = got.sub_(wanted).square_().sum(at::kDouble).item<double>();
    if (!best.defined() || error < smallest) {
      smallest = error;
      best = candidate;
    }
  }
  return best;
}

}  // namespace clipq
