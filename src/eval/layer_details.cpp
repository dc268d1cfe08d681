#include "layer_details.h"

#include <map>

#include "clipq/core/find_or_default.h"
#include "clipq/model/parts.h"
#include "clipq/numerics/quantize.h"
#include "value_histogram.h"

namespace clipq {
namespace {

/// The values that a layer computes with; undefined if it doesn't show them.
template <typename Layer>
at::Tensor weight_of(const Layer& layer) {
  const auto contents = layer.contents();
  if (!contents) return {};
  return contents->quantized == nullptr ? contents->weight : dequantize(*contents->quantized);
}

template <typename Part>
void add_histogram(Json& histograms, const Part& base, const Part& other) {
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
  if (record.diagnosis->tokens) row["tokens"] = to_json(*record.diagnosis->tokens);
  if (record.diagnosis->channels) row["channels"] = to_json(*record.diagnosis->channels);
  return row;
}

}  // namespace

Json weight_histograms(ClipModel base, ClipModel model) {
  const ModelParts before = parts_of(base);
  const ModelParts after = parts_of(model);
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

Json gelu_ranges(const Quantization& quantization, ClipModel model) {
  std::map<QuantizerId, const QuantizerRecord*> known;
  for (const QuantizerRecord& record : quantization.quantizers) {
    if (record.placed.enabled && record.range) known[record.placed.id] = &record;
  }
  Json ranges = {{"image", Json::array()}, {"text", Json::array()}};
  const ModelParts parts = parts_of(model);
  for (const LinearPart& part : parts.linears) {
    if (!part.follows_activation) continue;
    const QuantizerRecord* record = find_or_default(known, {part.name, Role::kInput});
    ranges[name_of(part.tower)].push_back(record == nullptr ? Json() : range_json(*record));
  }
  return ranges;
}

}  // namespace clipq
