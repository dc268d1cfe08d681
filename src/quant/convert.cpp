#include <ATen/ops/maximum.h>

#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"
#include "clipq/quant/quantized_model.h"
#include "clipq/quant/simulated_layers.h"

namespace clipq {
namespace {

template <typename Float, typename Layer>
const Float& require_float(const LayerSlot<Layer>& slot) {
  const auto* layer = dynamic_cast<const Float*>(slot.layer->get());
  if (layer == nullptr) throw InternalError(cat(slot.name, " is quantized already"));
  return *layer;
}

/// Makes quantizers and layers, and notes the ranges as it goes.
class Converter {
 public:
  Converter(const Placement& placement, const CalibratedRanges& ranges)
      : placement_(placement), ranges_(ranges) {}

  void convert(const LinearSlot& slot) {
    const PlacedQuantizer* weight = find_enabled(placement_, slot.name, Role::kWeight);
    const auto input = activation_quantizer(slot.name, Role::kInput);
    if (weight == nullptr && !input) return;
    const auto& layer = require_float<FloatLinear>(slot);
    auto stored = weight != nullptr
                      ? std::make_shared<StoredWeight>(quantize(layer.weight(), *weight))
                      : std::make_shared<StoredWeight>(layer.weight());
    *slot.layer = std::make_shared<SimulatedLinear>(std::move(stored), layer.bias(), input);
  }

  void convert(const LayerSlot<Attention>& slot) {
    AttentionQuantizers quantizers = {activation_quantizer(slot.name, Role::kQBmm),
                                      activation_quantizer(slot.name, Role::kKBmm),
                                      activation_quantizer(slot.name, Role::kVBmm),
                                      activation_quantizer(slot.name, Role::kBmm2Output)};
    if (!quantizers.q && !quantizers.k && !quantizers.v && !quantizers.output) return;
    const auto& layer = require_float<FloatAttention>(slot);
    *slot.layer = std::make_shared<SimulatedAttention>(layer.heads(), layer.causal(), quantizers);
  }

  void convert(const LayerSlot<Embedding>& slot) {
    const PlacedQuantizer* weight = find_enabled(placement_, slot.name, Role::kWeight);
    if (weight == nullptr) return;
    const auto& layer = require_float<FloatEmbedding>(slot);
    *slot.layer = std::make_shared<SimulatedEmbedding>(quantize(layer.weight(), *weight));
  }

  std::vector<QuantizerRecord> records() const {
    std::vector<QuantizerRecord> records;
    for (const PlacedQuantizer& placed : placement_) {
      const auto found = amax_.find(placed.name());
      records.push_back({placed, found == amax_.end() ? std::nullopt
                                                      : std::optional<AmaxSummary>(found->second)});
    }
    return records;
  }

 private:
  QuantizedTensor quantize(const at::Tensor& weight, const PlacedQuantizer& placed) {
    QuantizedTensor quantized = quantize_weight(weight, placed.spec);
    note(placed, quantized.scales);
    return quantized;
  }

  std::optional<ActivationQuantizer> activation_quantizer(const std::string& module, Role role) {
    const PlacedQuantizer* placed = find_enabled(placement_, module, role);
    if (placed == nullptr) return std::nullopt;
    if (!placed->needs_calibration()) return ActivationQuantizer::dynamic(placed->spec);
    const auto range = ranges_.find(placed->name());
    if (range == ranges_.end()) throw InternalError(placed->name() + " was not calibrated");
    const Scales scales = scales_for(placed->spec, range->second);
    note(*placed, scales);
    return ActivationQuantizer::with_scales(placed->spec, scales);
  }

  /// amax: the largest magnitude that the scales can represent.
  void note(const PlacedQuantizer& placed, const Scales& scales) {
    const double max_code = placed.spec.max_code();
    at::Tensor amax = scales.scale.mul(max_code);
    if (scales.zero_point.defined()) {
      const at::Tensor below = scales.zero_point;
      amax = at::maximum(below, below.neg().add(max_code)).mul(scales.scale);
    }
    amax_[placed.name()] = {amax.min().item<double>(), amax.max().item<double>(), amax.numel()};
  }

  const Placement& placement_;
  const CalibratedRanges& ranges_;
  std::map<std::string, AmaxSummary> amax_;
};

}  // namespace

QuantizedModel convert(ClipModel model, const Placement& placement,
                       const CalibratedRanges& ranges) {
  Converter converter(placement, ranges);
  const LayerSlots slots = layer_slots(model);
  for (const auto& slot : slots.embeddings) converter.convert(slot);
  for (const auto& slot : slots.attentions) converter.convert(slot);
  for (const auto& slot : slots.linears) {
    throw_if_interrupted();
    converter.convert(slot);
  }
  QuantizedModel result;
  result.quantization.quantizers = converter.records();
  result.model = std::move(model);
  return result;
}

}  // namespace clipq
