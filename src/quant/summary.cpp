#include "clipq/quant/summary.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>

#include "clipq/core/strings.h"
#include "clipq/kernels/kernel_path.h"

namespace clipq {
namespace {

constexpr std::size_t kNameColumns = 80;

std::string describe(const QuantizerRecord& record) {
  if (!record.placed.enabled) return "Quantizer(disabled)";
  std::ostringstream amax;
  amax << std::setprecision(4);
  if (!record.range) {
    amax << (record.placed.spec.range == RangeKind::kStatic ? "to be found" : "dynamic");
  } else if (record.range->count == 1) {
    amax << record.range->amax_max;
  } else {
    amax << "[" << record.range->amax_min << ", " << record.range->amax_max << "]("
         << record.range->count << ")";
  }
  return cat("Quantizer(", record.placed.spec.describe(), " amax=", amax.str(), ")");
}

std::string percent(std::int64_t part, std::int64_t whole) {
  return fixed(whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole),
               1) +
         " %";
}

using EnabledSpecs = std::map<QuantizerId, QuantizerSpec>;

EnabledSpecs enabled_specs(const Quantization& quantization) {
  EnabledSpecs specs;
  for (const QuantizerRecord& record : quantization.quantizers) {
    if (record.placed.enabled) specs[record.placed.id] = record.placed.spec;
  }
  return specs;
}

void count(Coverage& coverage, const LinearPart& part, const EnabledSpecs& on) {
  const std::int64_t weights = part.in_features * part.out_features;
  coverage.parameters += weights + (part.has_bias() ? part.out_features : 0);
  coverage.multiply_adds += part.rows * weights;
  const auto weight = on.find({part.name, Role::kWeight});
  const auto input = on.find({part.name, Role::kInput});
  if (weight == on.end()) return;
  coverage.parameters_quantized += weights;
  const bool has_input = input != on.end();
  if (has_input) coverage.multiply_adds_quantized += part.rows * weights;
  const auto input_spec = has_input ? std::optional(input->second) : std::nullopt;
  if (why_not_native(weight->second, input_spec).empty()) {
    coverage.multiply_adds_native += part.rows * weights;
  }
}

void count(Coverage& coverage, const AttentionPart& part, const EnabledSpecs& on) {
  const std::int64_t product = part.rows * (part.pooled ? 1 : part.rows) * part.width;
  coverage.multiply_adds += 2 * product;
  const auto both_on = [&](Role left, Role right) {
    return on.count({part.name, left}) > 0 && on.count({part.name, right}) > 0;
  };
  if (both_on(Role::kQBmm, Role::kKBmm)) coverage.multiply_adds_quantized += product;
  if (both_on(Role::kSoftmax, Role::kVBmm)) coverage.multiply_adds_quantized += product;
}

void count(Coverage& coverage, const EmbeddingPart& part, const EnabledSpecs& on) {
  const std::int64_t weights = part.entries * part.width;
  coverage.parameters += weights;
  if (on.count({part.name, Role::kWeight}) > 0) coverage.parameters_quantized += weights;
}

void count(Coverage& coverage, const TensorPart& part, const EnabledSpecs& /*on*/) {
  coverage.parameters += part.tensor->numel();
}

}  // namespace

Coverage coverage_of(ClipModel& model, const Quantization& quantization, Tower tower) {
  Coverage coverage;
  for (const QuantizerRecord& record : quantization.quantizers) {
    if (record.placed.tower != tower) continue;
    ++coverage.quantizers;
    if (record.placed.enabled) ++coverage.quantizers_on;
  }
  const EnabledSpecs on = enabled_specs(quantization);
  const auto count_all = [&](const auto& parts) {
    for (const auto& part : parts) {
      if (part.tower == tower) count(coverage, part, on);
    }
  };
  const ModelParts parts = parts_of(model);
  count_all(parts.linears);
  count_all(parts.attentions);
  count_all(parts.embeddings);
  count_all(parts.tensors);
  return coverage;
}

std::string quantizer_lines(const Quantization& quantization) {
  std::ostringstream out;
  for (const QuantizerRecord& record : quantization.quantizers) {
    const std::string name = record.placed.name();
    out << name << std::string(kNameColumns - std::min(kNameColumns - 1, name.size()), ' ')
        << describe(record) << "\n";
  }
  out << quantization.quantizers.size() << " quantizers found in model\n";
  return out.str();
}

std::string coverage_lines(ClipModel& model, const Quantization& quantization) {
  std::string out;
  for (const Tower tower : model.towers()) {
    const Coverage coverage = coverage_of(model, quantization, tower);
    out +=
        cat("coverage ", name_of(tower), ": ", coverage.quantizers_on, " of ", coverage.quantizers,
            " quantizers on, ", percent(coverage.parameters_quantized, coverage.parameters),
            " of parameters, ", percent(coverage.multiply_adds_quantized, coverage.multiply_adds),
            " of multiply-adds; linear layers on native kernels: ",
            percent(coverage.multiply_adds_native, coverage.multiply_adds), "\n");
  }
  return out;
}

}  // namespace clipq
