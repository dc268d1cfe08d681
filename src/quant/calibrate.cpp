#include "clipq/quant/calibrate.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/quant/observed_layers.h"

namespace clipq {
namespace {

using Observers = std::map<std::string, std::shared_ptr<Observer>>;

Observers make_observers(const Placement& placement, const std::string& default_observer) {
  Observers observers;
  for (const PlacedQuantizer& quantizer : placement) {
    if (!quantizer.needs_calibration()) continue;
    const std::string& name = quantizer.spec.observer;
    observers[quantizer.name()] = make_observer(name.empty() ? default_observer : name);
  }
  return observers;
}

/// Puts an observing layer in front of every quantizer that has an observer.
void attach(ClipModel& model, const Observers& observers) {
  const auto find = [&observers](const std::string& module, Role role) {
    const auto found = observers.find(cat(module, ".", name_of(role)));
    return found == observers.end() ? nullptr : found->second;
  };
  const LayerSlots slots = layer_slots(model);
  for (const auto& slot : slots.linears) {
    if (auto input = find(slot.name, Role::kInput)) {
      *slot.layer = std::make_shared<ObservedLinear>(*slot.layer, input);
    }
  }
  for (const auto& slot : slots.attentions) {
    AttentionObservers around = {find(slot.name, Role::kQBmm), find(slot.name, Role::kKBmm),
                                 find(slot.name, Role::kVBmm), find(slot.name, Role::kBmm2Output)};
    if (around.q || around.k || around.v || around.output) {
      *slot.layer = std::make_shared<ObservedAttention>(**slot.layer, around);
    }
  }
}

/// Runs texts in groups of equal length, each cut behind its end-of-text token.
void run_without_padding(const ClipModel& model, const at::Tensor& tokens) {
  std::map<std::int64_t, std::vector<std::int64_t>> rows_by_length;
  const at::Tensor ends = tokens.argmax(-1);
  for (std::int64_t i = 0; i < tokens.size(0); ++i) {
    rows_by_length[ends[i].item<std::int64_t>() + 1].push_back(i);
  }
  for (const auto& [length, rows] : rows_by_length) {
    model.encode_text(at::index_select(tokens, 0, at::tensor(rows)).narrow(1, 0, length));
  }
}

}  // namespace

bool needs_calibration(const Placement& placement, Tower tower) {
  return std::any_of(placement.begin(), placement.end(), [tower](const PlacedQuantizer& quantizer) {
    return quantizer.tower == tower && quantizer.needs_calibration();
  });
}

CalibratedRanges calibrate(ClipModel model, const Placement& placement,
                           const std::string& default_observer, const CalibrationStream& stream) {
  const Observers observers = make_observers(placement, default_observer);
  attach(model, observers);
  const bool image = needs_calibration(placement, Tower::kVisual);
  const bool text = needs_calibration(placement, Tower::kText);
  CalibrationBatch batch;
  while (stream(batch)) {
    if (image && batch.pixels.defined()) model.encode_image(batch.pixels);
    if (text && batch.tokens.defined()) run_without_padding(model, batch.tokens);
    batch = {};
  }
  CalibratedRanges ranges;
  for (const auto& [name, observer] : observers) {
    try {
      ranges[name] = observer->range();
    } catch (const InternalError&) {
      throw InputError(cat("calibration: ", name,
                           " has seen no finite value; the calibration data ",
                           "has no samples for its tower, or the model gives NaN on them"));
    }
  }
  return ranges;
}

}  // namespace clipq
