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
  for (auto entry = all.lower_bound(head); entry != all.end() && entry->first.starts_with(head);
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
      observers_[quantizer.id] = make_observer(quantizer.spec.observer, quantizer.spec);
    }
    const bool of_linear = quantizer.is_weight() || quantizer.id.role == Role::kInput;
    if (of_linear && request.rows > 0) {
      rows_[quantizer.id.layer] = std::make_shared<RowSample>(request.rows);
    }
    if (!of_linear && request.attention_inputs) {
      attentions_[quantizer.id.layer] = std::make_shared<at::Tensor>();
    }
  }
}

void Collectors::attach(ClipModel& model) const {
  const ModelParts parts = parts_of(model);
  for (const LinearPart& part : parts.linears) {
    const auto input = find_or_default(observers_, {part.name, Role::kInput});
    const auto sample = find_or_default(rows_, part.name);
    if (input || sample) {
      *part.layer = std::make_shared<ObservedLinear>(*part.layer, input, sample);
    }
  }
  for (const AttentionPart& part : parts.attentions) {
    const auto of = [&](Role role) { return find_or_default(observers_, {part.name, role}); };
    const AttentionObservers around = {
        of(Role::kQBmm),    of(Role::kKBmm),       of(Role::kVBmm),
        of(Role::kSoftmax), of(Role::kBmm2Output), find_or_default(attentions_, part.name)};
    if (around.any()) *part.layer = std::make_shared<ObservedAttention>(**part.layer, around);
  }
}

void Collectors::begin(std::int64_t batch) {
  for (const auto& [name, sample] : rows_) sample->begin(batch);
}

CalibrationData Collectors::data() const {
  CalibrationData data;
  for (const auto& [id, observer] : observers_) {
    if (observer->empty()) {
      throw InputError(cat("calibration: ", id.name(),
                           " has seen no finite value; the calibration ",
                           "data has no samples for its tower, or the model gives NaN on them"));
    }
    data.ranges[id] = observer->range();
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
  for (const auto& [id, observer] : observers_) {
    add(all, kObservers + id.name(), observer->state());
  }
  for (const auto& [name, sample] : rows_) add(all, kRows + name, sample->state());
  for (const auto& [name, qkv] : attentions_) {
    if (qkv->defined()) all[kAttentions + name] = *qkv;
  }
  return all;
}

void Collectors::restore(const ObserverState& all) {
  for (const auto& [id, observer] : observers_) {
    observer->restore(below(all, kObservers + id.name()));
  }
  for (const auto& [name, sample] : rows_) sample->restore(below(all, kRows + name));
  for (const auto& [name, qkv] : attentions_) {
    const auto found = all.find(kAttentions + name);
    if (found != all.end()) *qkv = found->second;
  }
}

void Collectors::merge(const ObserverState& all) {
  for (const auto& [id, observer] : observers_) {
    observer->merge(below(all, kObservers + id.name()));
  }
  for (const auto& [name, sample] : rows_) sample->merge(below(all, kRows + name));
  for (const auto& [name, qkv] : attentions_) {
    const auto found = all.find(kAttentions + name);
    if (found != all.end() && !qkv->defined()) *qkv = found->second;
  }
}

}  // namespace clipq
