#include "histogram_observer.h"

#include <algorithm>

namespace clipq {

Extremes HistogramObserver::clamped(double low, double high) const {
  return {static_cast<float>(std::clamp<double>(extremes().min, low, high)),
          static_cast<float>(std::clamp<double>(extremes().max, low, high))};
}

}  // namespace clipq
