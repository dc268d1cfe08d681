#pragma once

#include <hwy/aligned_allocator.h>

#include <cstdint>

namespace clipq {

/// A map of floats, some items one behind the other: [items, side, side, stride], of which
/// `channels` count.
struct FloatMap {
  float* values;
  std::int64_t side;
  std::int64_t channels;
  std::int64_t stride;

  std::int64_t positions() const { return side * side; }
  float* at(std::int64_t position) const { return values + position * stride; }
};

/// Room for floats, kept from one use to the next. Vectors of them don't cross cache lines.
class FloatRoom {
 public:
  /// What stood in the room is lost.
  float* at_least(std::int64_t count);
  /// A map whose positions are spread over a cache's sets: a power of two apart, stores to one
  /// would hold up loads of others.
  FloatMap map(std::int64_t items, std::int64_t side, std::int64_t channels);

 private:
  hwy::AlignedFreeUniquePtr<float[]> values_;
  std::int64_t capacity_ = 0;
};

}  // namespace clipq
