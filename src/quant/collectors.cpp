#include "clipq/quant/collectors.h"

#include "clipq/core/error.h"
#include "clipq/core/find_or_default.h"
#include "clipq/core/strings.h"
#include "clipq/quant/observed_layers.h"

namespace clipq {
namespace {

constexpr const char* kObservers = "observer/";
constexpr const char* kRows = "rows/";
constexpr const char* kAttentions = "attention/";

void add(ObserverState& all, const std::string& prefix, const ObserverState& one) {
  for (const auto& [key, tensor] : one) all[cat(prefix, "/", key)] = tensor;
}

/// The entries below a prefix, under the rest of their names.
ObserverState below(const ObserverState& all, const std::string& prefix) {
  const std::string head = prefix + "/";
  ObserverState one;
  for (auto entry = all.lower_bound(head); entry != all.end() && starts_with(entry->first, head);
       ++entry) {
    one[entry->first.substr(head.size())] = entry->second;
  }
  return one;
}

}  // namespace

Collectors::Collectors(const Placement& placement, const CalibrationRequest& request) {
  for (const PlacedQuantizer& quantizer : placement) {
    if (!quantizer.enabled) continue;
    if (request.ranges && quantizer.needs_calibration()) {
      observers_[quantizer.name()] = make_observer(quantizer.spec.observer, quantizer.spec);
    }
    const bool of_linear = quantizer.is_weight() || quantizer.role == Role::kInput;
    if (of_linear && request.rows > 0) {
      rows_[quantizer.module] = std::make_shared<RowSample>(request.rows);
    }
    if (!of_linear && request.attention_inputs) {
      attentions_[quantizer.module] = std::make_shared<at::Tensor>();
    }
  }
}

std::shared_ptr<Observer> Collectors::observer(const std::string& module, Role role) const {
  return find_or_default(observers_, cat(module, ".", name_of(role)));
}

void Collectors::attach(ClipModel& model) const {
  const LayerSlots slots = layer_slots(model);
  for (const auto& slot : slots.linears) {
    const auto input = observer(slot.name, Role::kInput);
    const auto sample = find_or_default(rows_, slot.name);
    if (input || sample) {
      *slot.layer = std::make_shared<ObservedLinear>(*slot.layer, input, sample);
    }
  }
  for (const auto& slot : slots.attentions) {
    const AttentionObservers around = {
        observer(slot.name, Role::kQBmm),       observer(slot.name, Role::kKBmm),
        observer(slot.name, Role::kVBmm),       observer(slot.name, Role::kSoftmax),
        observer(slot.name, Role::kBmm2Output), find_or_default(attentions_, slot.name)};
    if (around.any()) *slot.layer = std::make_shared<ObservedAttention>(**slot.layer, around);
  }
}

CalibrationData Collectors::data() const {
  CalibrationData data;
  for (const auto& [name, observer] : observers_) {
    if (observer->empty()) {
      throw InputError(cat("calibration: ", name, " has seen no finite value; the calibration ",
                           "data has no samples for its tower, or the model gives NaN on them"));
    }
    data.ranges[name] = observer->range();
  }
  for (const auto& [name, sample] : rows_) {
    if (sample->rows().defined()) data.rows[name] = sample->rows();
  }
  for (const auto& [name, qkv] : attentions_) {
    if (qkv->defined()) data.attention_inputs[name] = *qkv;
  }
  return data;
}

ObserverState Collectors::state() const {
  ObserverState all;
  for (const auto& [name, observer] : observers_) add(all, kObservers + name, observer->state());
  for (const auto& [name, sample] : rows_) add(all, kRows + name, sample->state());
  for (const auto& [name, qkv] : attentions_) {
    if (qkv->defined()) all[kAttentions + name] = *qkv;
  }
  return all;
}

void Collectors::restore(const ObserverState& all) {
  for (const auto& [name, observer] : observers_) observer->restore(below(all, kObservers + name));
  for (const auto& [name, sample] : rows_) sample->restore(below(all, kRows + name));
  for (const auto& [name, qkv] : attentions_) {
    const auto found = all.find(kAttentions + name);
    if (found != all.end()) *qkv = found->second;
  }
}

}  // namespace clipq
