#pragma once

#include <map>
#include <memory>
#include <string>

#include "clipq/quant/calibrate.h"
#include "clipq/quant/row_sample.h"

namespace clipq {

/// Everything that gathers statistics during one calibration pass.
class Collectors {
 public:
  Collectors(const Placement& placement, const CalibrationRequest& request);

  /// Puts an observing layer wherever something is to be gathered.
  void attach(ClipModel& model) const;

  /// What follows is of this batch.
  void begin(std::int64_t batch);

  /// What was gathered. Throws InputError if an observer has seen no finite value.
  CalibrationData data() const;

  /// Everything gathered so far as named tensors, and back.
  ObserverState state() const;
  void restore(const ObserverState& state);

  /// Takes in what others have gathered of later batches. Throws InputError if it isn't the state
  /// of such collectors.
  void merge(const ObserverState& state);

 private:
  std::map<QuantizerId, std::shared_ptr<Observer>> observers_;
  std::map<std::string, std::shared_ptr<RowSample>> rows_;         ///< by linear layer
  std::map<std::string, std::shared_ptr<at::Tensor>> attentions_;  ///< by attention
};

}  // namespace clipq
