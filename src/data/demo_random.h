#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace clipq {

/// Random numbers that are the same everywhere: std's distributions are not.
class DemoRandom {
 public:
  explicit DemoRandom(std::uint64_t seed) : engine_(seed) {}

  /// A number in [0, count).
  int below(int count) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(count)); }

  /// A number in [low, high).
  double between(double low, double high) {
    return low + (high - low) * (static_cast<double>(engine_() >> 11) * 0x1.0p-53);
  }

  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[below(static_cast<int>(i))]);
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace clipq
