#pragma once

#include "clipq/numerics/extremes.h"
#include "clipq/numerics/observer.h"

namespace clipq {

/// Base of the observers that keep nothing but a range.
class RangeObserver : public Observer {
 public:
  void observe(const at::Tensor& x) final {
    const Extremes seen = finite_values(x).extremes;
    if (seen.empty()) return;
    range_ = range_.empty() ? seen : updated(range_, seen);
  }

  bool empty() const final { return range_.empty(); }

  Range range() const final { return range_.range(); }

  ObserverState state() const final { return {{Extremes::entry().name, range_.to_tensor()}}; }

  void restore(const ObserverState& state) final { range_ = range_in(state); }

 protected:
  /// The range after an input with these extremes.
  virtual Extremes updated(const Extremes& range, const Extremes& seen) const = 0;

  static Extremes range_in(const ObserverState& state) {
    require_entries(state, {Extremes::entry()});
    return Extremes::from_tensor(state.at(Extremes::entry().name));
  }

  void join(const Extremes& other) { range_ = range_.joined(other); }

 private:
  Extremes range_;
};

}  // namespace clipq
