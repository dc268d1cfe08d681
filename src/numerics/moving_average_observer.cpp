#include "clipq/core/error.h"
#include "range_observer.h"

namespace clipq {
namespace {

/// PyTorch's MovingAverageMinMaxObserver, in its float32 arithmetic.
class MovingAverageObserver final : public RangeObserver {
 public:
  explicit MovingAverageObserver(double share) : share_(static_cast<float>(share)) {}

  void merge(const ObserverState& /*state*/) override {
    throw InternalError("a moving average depends on the order of its inputs");
  }

 protected:
  Extremes updated(const Extremes& range, const Extremes& seen) const override {
    return {range.min + share_ * (seen.min - range.min),
            range.max + share_ * (seen.max - range.max)};
  }

 private:
  float share_;  // of the newest input in the average
};

}  // namespace

std::unique_ptr<Observer> make_moving_average_observer(const QuantizerSpec& /*spec*/,
                                                       double parameter) {
  return std::make_unique<MovingAverageObserver>(parameter);
}

}  // namespace clipq
