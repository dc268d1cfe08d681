#include "clipq/numerics/activation_quantizer.h"

namespace clipq {

ActivationQuantizer::ActivationQuantizer(const QuantizerSpec& spec, const Scales& scales)
    : spec_(spec), scales_(scales) {}

ActivationQuantizer ActivationQuantizer::dynamic(const QuantizerSpec& spec) { return {spec, {}}; }

ActivationQuantizer ActivationQuantizer::with_scales(const QuantizerSpec& spec,
                                                     const Scales& scales) {
  return {spec, scales};
}

at::Tensor ActivationQuantizer::simulate(const at::Tensor& x) const {
  if (spec_.range == RangeKind::kStatic) return clipq::simulate(x, spec_, scales_);
  return clipq::simulate(x, spec_, scales_for(spec_, range_of(x, spec_)));
}

bool ActivationQuantizer::spans_rows() const {
  return spec_.range == RangeKind::kDynamic && spec_.granularity == Granularity::kTensor &&
         format_info(spec_.format).scaled;
}

ActivationQuantizer over_all_rows(const ActivationQuantizer& quantizer) {
  QuantizerSpec spec = quantizer.spec();
  if (spec.range != RangeKind::kDynamic || spec.granularity != Granularity::kToken) {
    return quantizer;
  }
  spec.granularity = Granularity::kTensor;
  return ActivationQuantizer::dynamic(spec);
}

}  // namespace clipq
