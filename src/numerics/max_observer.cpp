#include "range_observer.h"

namespace clipq {
namespace {

class MaxObserver final : public RangeObserver {
 public:
  void merge(const ObserverState& state) override { join(range_in(state)); }

 protected:
  Extremes updated(const Extremes& range, const Extremes& seen) const override {
    return range.joined(seen);
  }
};

}  // namespace

std::unique_ptr<Observer> make_max_observer(const QuantizerSpec& /*spec*/, double /*parameter*/) {
  return std::make_unique<MaxObserver>();
}

}  // namespace clipq
