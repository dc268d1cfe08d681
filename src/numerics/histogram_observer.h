#pragma once

#include "clipq/numerics/histogram.h"
#include "clipq/numerics/observer.h"

namespace clipq {

/// Base of the observers that choose a range by the histogram of all values.
class HistogramObserver : public Observer {
 public:
  explicit HistogramObserver(const QuantizerSpec& spec) : spec_(spec) {}

  void observe(const at::Tensor& x) final { histogram_.add(x); }

  bool empty() const final { return extremes().empty(); }

  Range range() const final {
    if (extremes().empty()) return extremes().range();  // which throws
    return choose().range();
  }

  ObserverState state() const final { return histogram_.state(); }

  void restore(const ObserverState& state) final { histogram_ = Histogram::from_state(state); }

  void merge(const ObserverState& state) final { histogram_.merge(Histogram::from_state(state)); }

 protected:
  /// The range to quantize; at least one value has been seen.
  virtual Extremes choose() const = 0;

  const QuantizerSpec& spec() const { return spec_; }
  const Histogram& histogram() const { return histogram_; }
  const Extremes& extremes() const { return histogram_.extremes(); }

  /// Whether the codes cover both sides alike, so that |x| alone matters.
  bool symmetric() const { return spec_.scheme == Scheme::kSymmetric; }

  /// The extremes clamped to [low, high], which may lie beyond the range of float32.
  Extremes clamped(double low, double high) const;

 private:
  QuantizerSpec spec_;
  Histogram histogram_;
};

}  // namespace clipq
