#pragma once

#include <cstdint>
#include <string>

namespace clipq {

/// Batches from `first` on that come before `last`.
struct BatchRange {
  std::int64_t first = 0;
  std::int64_t last = 0;

  bool operator==(const BatchRange&) const = default;

  std::int64_t count() const { return last - first; }
};

/// "batches 4 to 7", or "no batches".
std::string to_text(const BatchRange& batches);

/// The batches of worker `index` of `count`: in the workers' order, as many for each as possible.
BatchRange share_of(std::int64_t batches, std::int64_t index, std::int64_t count);

}  // namespace clipq
