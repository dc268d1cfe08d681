#include "layer_details.h"

#include <map>

#include "clipq/model/layer_slots.h"
#include "clipq/quant/simulated_layers.h"
#include "value_histogram.h"

namespace clipq {
namespace {

/// The values that a layer computes with; undefined if it doesn't show them.
at::Tensor weight_of(const Linear& layer) {
  if (const auto* plain = dynamic_cast<const FloatLinear*>(&layer)) return plain->weight();
  const auto* simulated = dynamic_cast<const SimulatedLinear*>(&layer);
  return simulated ? simulated->weight().values() : at::Tensor();
}

at::Tensor weight_of(const Embedding& layer) {
  if (const auto* plain = dynamic_cast<const FloatEmbedding*>(&layer)) return plain->weight();
  const auto* simulated = dynamic_cast<const SimulatedEmbedding*>(&layer);
  return simulated ? dequantize(simulated->weight()) : at::Tensor();
}

template <typename Slot>
void add_histogram(Json& histograms, const Slot& base, const Slot& other) {
  const at::Tensor before = weight_of(**base.layer);
  const at::Tensor after = weight_of(**other.layer);
  if (!before.defined() || !after.defined()) return;
  const double amax = before.abs().max().template item<double>();
  if (amax == 0) return;
  Json histogram = {{"name", base.name}};
  histogram.update(histogram_json(after, -amax, amax));
  histograms.push_back(std::move(histogram));
}

Json range_json(const QuantizerRecord& record) {
  return Json::array({record.range->span.low, record.range->span.high});
}

Json row_json(const QuantizerRecord& record) {
  Json row = {{"name", record.placed.name()}, {"what", record.placed.spec.describe()}};
  if (record.range) {
    row["range"] = range_json(record);
    row["scales"] = record.range->count;
  }
  if (!record.diagnosis) return row;
  row["clipped"] = record.diagnosis->clipped;
  row["sqnr_db"] = record.diagnosis->sqnr_db;
  if (record.diagnosis->output_cosine) row["output_cosine"] = *record.diagnosis->output_cosine;
  return row;
}

}  // namespace

Json weight_histograms(ClipModel base, ClipModel model) {
  const LayerSlots before = layer_slots(base);
  const LayerSlots after = layer_slots(model);
  Json histograms = Json::array();
  for (std::size_t i = 0; i < before.linears.size(); ++i) {
    add_histogram(histograms, before.linears[i], after.linears[i]);
  }
  for (std::size_t i = 0; i < before.embeddings.size(); ++i) {
    add_histogram(histograms, before.embeddings[i], after.embeddings[i]);
  }
  return histograms;
}

Json quantizer_rows(const Quantization& quantization) {
  Json rows = Json::array();
  for (const QuantizerRecord& record : quantization.quantizers) {
    if (record.placed.enabled) rows.push_back(row_json(record));
  }
  return rows;
}

Json gelu_ranges(const Quantization& quantization, const ClipConfig& config) {
  std::map<std::string, const QuantizerRecord*> inputs;
  for (const QuantizerRecord& record : quantization.quantizers) {
    const bool known = record.placed.enabled && record.range;
    if (known && record.placed.role == Role::kInput) inputs[record.placed.module] = &record;
  }
  const auto ranges_of = [&](Tower tower, std::int64_t blocks) {
    Json ranges = Json::array();
    for (std::int64_t i = 0; i < blocks; ++i) {
      const auto found =
          inputs.find(block_name(tower, static_cast<std::size_t>(i)) + ".mlp.c_proj");
      ranges.push_back(found == inputs.end() ? Json() : range_json(*found->second));
    }
    return ranges;
  };
  return {{"visual", ranges_of(Tower::kVisual, config.vision_layers)},
          {"text", ranges_of(Tower::kText, config.text_layers)}};
}

}  // namespace clipq
