#include <ATen/ops/maximum.h>

#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/find_or_default.h"
#include "clipq/core/interrupt.h"
#include "clipq/core/strings.h"
#include "clipq/numerics/stored_values.h"
#include "clipq/quant/fold_sites.h"
#include "clipq/quant/quantized_model.h"
#include "clipq/quant/simulated_layers.h"

namespace clipq {
namespace {

constexpr double kManyClipped = 0.05;

/// The mean of the inputs of a layer after a LayerNorm: the norm's bias. Undefined for others.
at::Tensor expected_input(const LinearPart& part) {
  return part.norm == nullptr ? at::Tensor() : part.norm->bias;
}

/// An input's quantizer as sampled rows are given to it: windows of a map have one range an image,
/// for which that of all of them stands.
std::optional<ActivationQuantizer> quantizer_on_rows(
    const LinearPart& part, const std::optional<ActivationQuantizer>& input) {
  const bool overlap = part.window && part.window->area() > 1;
  if (!input || !overlap) return input;
  return over_all_rows(*input);
}

RangeSummary summarize(const QuantizerSpec& spec, const Scales& scales) {
  const Range range = representable(spec, scales);
  const at::Tensor amax = at::maximum(range.min.neg(), range.max);
  return {amax.min().item<double>(),
          amax.max().item<double>(),
          {range.min.min().item<double>(), range.max.max().item<double>()},
          amax.numel()};
}

/// Makes quantizers and layers, and notes ranges, fit and warnings as it goes.
class Converter {
 public:
  Converter(const Placement& placement, const Algorithms& algorithms, const CalibrationData& data)
      : placement_(placement), algorithms_(algorithms), data_(data) {}

  void convert(const LinearPart& part) {
    const PlacedQuantizer* weight = find_enabled(placement_, {part.name, Role::kWeight});
    const auto input = activation_quantizer({part.name, Role::kInput});
    if (weight == nullptr && !input) return;
    const std::shared_ptr<const Linear> layer = *part.layer;
    const LinearContents contents = float_contents(*layer);
    const at::Tensor rows = find_or_default(data_.rows, part.name);
    std::optional<QuantizedTensor> quantized;
    if (weight != nullptr) quantized = quantize_weight(*weight, contents.weight, rows);
    // Each use has a copy of its own, which drops its dequantized values with it.
    const auto store = [&] {
      return quantized ? std::make_shared<StoredWeight>(*quantized)
                       : std::make_shared<StoredWeight>(contents.weight);
    };
    at::Tensor bias = contents.bias;
    const auto on_rows = quantizer_on_rows(part, input);
    if (bias.defined()) {
      const SimulatedLinear uncorrected(store(), bias, on_rows);
      BiasInConversion conversion = {*layer, uncorrected, bias, rows, expected_input(part)};
      for (const auto& algorithm : algorithms_) algorithm->convert_bias(conversion);
      bias = conversion.bias;
    }
    diagnose_linear(*layer, {store(), bias, on_rows}, part.name, rows);
    *part.layer = std::make_shared<SimulatedLinear>(store(), bias, input);
  }

  void convert(const AttentionPart& part) {
    const auto of = [&](Role role) { return activation_quantizer({part.name, role}); };
    const AttentionQuantizers quantizers = {of(Role::kQBmm), of(Role::kKBmm), of(Role::kSoftmax),
                                            of(Role::kVBmm), of(Role::kBmm2Output)};
    if (!quantizers.any()) return;
    const std::shared_ptr<const Attention> layer = *part.layer;
    const auto simulated =
        std::make_shared<SimulatedAttention>(layer->heads(), layer->causal(), quantizers);
    *part.layer = simulated;
    const at::Tensor qkv = find_or_default(data_.attention_inputs, part.name);
    if (!qkv.defined()) return;
    const double cosine = mean_cosine(simulated->forward(qkv), layer->forward(qkv));
    for (const auto& [role, diagnosis] : simulated->diagnose(qkv)) {
      note({part.name, role}, diagnosis, cosine);
    }
  }

  void convert(const EmbeddingPart& part) {
    const PlacedQuantizer* weight = find_enabled(placement_, {part.name, Role::kWeight});
    if (weight == nullptr) return;
    const std::optional<EmbeddingContents> contents = (*part.layer)->contents();
    if (!contents || contents->quantized != nullptr) {
      throw InternalError(cat(part.name, " is quantized already"));
    }
    *part.layer =
        std::make_shared<SimulatedEmbedding>(quantize_weight(*weight, contents->weight, {}));
  }

  Quantization finish() {
    Quantization quantization;
    for (const PlacedQuantizer& placed : placement_) {
      const auto range = ranges_.find(placed.id);
      const auto diagnosis = diagnoses_.find(placed.id);
      QuantizerRecord record = {placed, std::nullopt, std::nullopt};
      if (range != ranges_.end()) record.range = range->second;
      if (diagnosis != diagnoses_.end()) record.diagnosis = diagnosis->second;
      quantization.quantizers.push_back(std::move(record));
    }
    quantization.warnings = std::move(warnings_);
    return quantization;
  }

 private:
  QuantizedTensor quantize_weight(const PlacedQuantizer& placed, const at::Tensor& weight,
                                  const at::Tensor& rows) {
    const Range range = range_of(weight, placed.spec);
    WeightInConversion conversion = {placed, weight, scales_for(placed.spec, range), rows};
    for (const auto& algorithm : algorithms_) algorithm->choose_scales(conversion);
    for (const auto& algorithm : algorithms_) algorithm->round_weight(conversion);
    QuantizedTensor quantized = quantize(conversion.values, placed.spec, conversion.scales);
    const std::string name = placed.name();
    warn_about_zeros(name, range);
    require_valid(name, why_invalid(placed.spec, conversion.scales));
    ranges_[placed.id] = summarize(placed.spec, conversion.scales);
    note(placed.id, diagnose(weight, quantized), std::nullopt);
    return quantized;
  }

  std::optional<ActivationQuantizer> activation_quantizer(const QuantizerId& id) {
    const PlacedQuantizer* placed = find_enabled(placement_, id);
    if (placed == nullptr) return std::nullopt;
    if (!placed->needs_calibration()) return ActivationQuantizer::dynamic(placed->spec);
    const std::string name = placed->name();
    const auto range = data_.ranges.find(id);
    if (range == data_.ranges.end()) throw InternalError(name + " was not calibrated");
    const Scales scales = scales_for(placed->spec, range->second);
    warn_about_zeros(name, range->second);
    require_valid(name, why_invalid(placed->spec, scales));
    ranges_[id] = summarize(placed->spec, scales);
    return ActivationQuantizer::with_scales(placed->spec, scales);
  }

  void diagnose_linear(const Linear& layer, const SimulatedLinear& quantized,
                       const std::string& name, const at::Tensor& rows) {
    if (!rows.defined()) return;
    const auto dead = rows.abs().amax({0}).eq(0).sum().item<std::int64_t>();
    if (dead > 0) {
      warnings_.push_back(cat(name, ": ", dead, " of ", rows.size(1),
                              " input channels are dead: zero on all sampled tokens"));
    }
    const double cosine = mean_cosine(quantized.forward(rows), layer.forward(rows));
    const auto weight = diagnoses_.find({name, Role::kWeight});
    if (weight != diagnoses_.end()) weight->second.output_cosine = cosine;
    if (quantized.input()) {
      Diagnosis diagnosis = diagnose(rows, *quantized.input());
      diagnosis.tokens = outlier_tokens(rows).summary();
      diagnosis.channels = outlier_channels(rows).summary();
      note({name, Role::kInput}, diagnosis, cosine);
    }
  }

  void note(const QuantizerId& id, Diagnosis diagnosis, std::optional<double> output_cosine) {
    diagnosis.output_cosine = output_cosine;
    diagnoses_[id] = diagnosis;
    if (diagnosis.clipped > kManyClipped) {
      warnings_.push_back(cat(id.name(), ": its range is saturated: ",
                              fixed(100 * diagnosis.clipped, 1), " % of the values lie beyond it"));
    }
  }

  static void require_valid(const std::string& name, const std::string& why) {
    if (why.empty()) return;
    throw InputError(cat(name, ": ", why, "; its values are too large for the format and the type ",
                         "of its scales: choose others for it, or leave it in float"));
  }

  /// Warns of ranges that are zero. Throws InputError if one isn't a number.
  void warn_about_zeros(const std::string& name, const Range& range) {
    const at::Tensor amax = at::maximum(range.min.abs(), range.max.abs());
    const auto dead = amax.eq(0).sum().item<std::int64_t>();
    const auto broken = amax.isfinite().logical_not().sum().item<std::int64_t>();
    if (broken > 0) {
      throw InputError(cat(name, ": ", broken, " of ", amax.numel(),
                           " ranges are NaN or infinite; look for such values in the checkpoint"));
    }
    if (dead > 0) {
      warnings_.push_back(
          cat(name, ": ", dead, " of ", amax.numel(), " ranges are zero: nothing but zeros there"));
    }
  }

  const Placement& placement_;
  const Algorithms& algorithms_;
  const CalibrationData& data_;
  std::map<QuantizerId, RangeSummary> ranges_;
  std::map<QuantizerId, Diagnosis> diagnoses_;
  std::vector<std::string> warnings_;
};

}  // namespace

QuantizedModel convert(ClipModel model, const Placement& placement, const Algorithms& algorithms,
                       const CalibrationData& data) {
  Converter converter(placement, algorithms, data);
  const ModelParts parts = parts_of(model);
  for (const EmbeddingPart& part : parts.embeddings) converter.convert(part);
  for (const AttentionPart& part : parts.attentions) converter.convert(part);
  for (const LinearPart& part : parts.linears) {
    throw_if_interrupted();
    converter.convert(part);
  }
  QuantizedModel result;
  result.quantization = converter.finish();
  result.model = std::move(model);
  return result;
}

}  // namespace clipq
