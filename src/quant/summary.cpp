#include "clipq/quant/summary.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>

#include "clipq/core/strings.h"
#include "clipq/kernels/integer_linear.h"
#include "clipq/model/plain_tensors.h"

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

using EnabledSpecs = std::map<std::string, QuantizerSpec>;

/// The quantizers that are on, by name.
EnabledSpecs enabled_specs(const Quantization& quantization) {
  EnabledSpecs specs;
  for (const QuantizerRecord& record : quantization.quantizers) {
    if (record.placed.enabled) specs[record.placed.name()] = record.placed.spec;
  }
  return specs;
}

bool is_native(const QuantizerSpec& weight, const QuantizerSpec& input) {
  return why_not_integer(weight, input).empty();
}

void count_linears(Coverage& coverage, const LayerSlots& slots, Tower tower,
                   const EnabledSpecs& on) {
  for (const auto& slot : slots.linears) {
    if (slot.tower != tower) continue;
    const std::int64_t weights = slot.in_features * slot.out_features;
    coverage.parameters += weights + (slot.has_bias ? slot.out_features : 0);
    coverage.multiply_adds += slot.rows * weights;
    const auto weight = on.find(cat(slot.name, ".", name_of(Role::kWeight)));
    const auto input = on.find(cat(slot.name, ".", name_of(Role::kInput)));
    if (weight == on.end()) continue;
    coverage.parameters_quantized += weights;
    if (input == on.end()) continue;
    coverage.multiply_adds_quantized += slot.rows * weights;
    if (is_native(weight->second, input->second)) {
      coverage.multiply_adds_native += slot.rows * weights;
    }
  }
}

void count_attentions(Coverage& coverage, const LayerSlots& slots, Tower tower, std::int64_t width,
                      const EnabledSpecs& on) {
  for (const auto& slot : slots.attentions) {
    if (slot.tower != tower) continue;
    const std::int64_t product = slot.rows * slot.rows * width;
    coverage.multiply_adds += 2 * product;
    const auto both_on = [&](Role left, Role right) {
      return on.count(cat(slot.name, ".", name_of(left))) > 0 &&
             on.count(cat(slot.name, ".", name_of(right))) > 0;
    };
    if (both_on(Role::kQBmm, Role::kKBmm)) coverage.multiply_adds_quantized += product;
    if (both_on(Role::kSoftmax, Role::kVBmm)) coverage.multiply_adds_quantized += product;
  }
}

void count_embeddings(Coverage& coverage, const LayerSlots& slots, Tower tower,
                      const EnabledSpecs& on) {
  for (const auto& slot : slots.embeddings) {
    if (slot.tower != tower) continue;
    const std::int64_t weights = (*slot.layer)->entries() * (*slot.layer)->width();
    coverage.parameters += weights;
    if (on.count(cat(slot.name, ".", name_of(Role::kWeight))) > 0)
      coverage.parameters_quantized += weights;
  }
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
  const LayerSlots slots = layer_slots(model);
  const std::int64_t width =
      tower == Tower::kVisual ? model.config.vision_width : model.config.text_width;
  count_linears(coverage, slots, tower, on);
  count_attentions(coverage, slots, tower, width, on);
  count_embeddings(coverage, slots, tower, on);
  for (const PlainTensor& plain : plain_tensors(model)) {
    if (plain.tower == tower) coverage.parameters += plain.tensor->numel();
  }
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
  for (const Tower tower : {Tower::kVisual, Tower::kText}) {
    const Coverage coverage = coverage_of(model, quantization, tower);
    out +=
        cat("coverage ", name_of(tower), ": ", coverage.quantizers_on, " of ", coverage.quantizers,
            " quantizers on, ", percent(coverage.parameters_quantized, coverage.parameters),
            " of parameters, ", percent(coverage.multiply_adds_quantized, coverage.multiply_adds),
            " of multiply-adds; integer kernels for ",
            percent(coverage.multiply_adds_native, coverage.multiply_adds), "\n");
  }
  return out;
}

}  // namespace clipq
