#include "shortest_time.h"

#include <algorithm>
#include <limits>

#include "clipq/core/stopwatch.h"

namespace clipq {

double shortest_seconds(const std::function<void()>& run) {
  constexpr double kSeconds = 0.15;
  double shortest = std::numeric_limits<double>::infinity();
  for (double total = 0; total < kSeconds;) {
    Stopwatch stopwatch;
    run();
    const double seconds = stopwatch.lap();
    shortest = std::min(shortest, seconds);
    total += seconds;
  }
  return shortest;
}

}  // namespace clipq
