#pragma once

#include <algorithm>
#include <cstdint>

namespace clipq {

/// The columns of a stripe that are wanted.
struct Stripe {
  std::int64_t index;
  std::int64_t first;    ///< wanted column
  std::int64_t count;    ///< of wanted columns
  std::int64_t skipped;  ///< columns of the stripe before the first
};

/// Calls body(stripe) for the stripes of `width` columns that hold some of [first, first + count).
template <class Body>
void for_each_stripe(std::int64_t width, std::int64_t first, std::int64_t count, const Body& body) {
  const std::int64_t end = first + count;
  for (std::int64_t index = first / width; index * width < end; ++index) {
    const std::int64_t begin = std::max(first, index * width);
    body(Stripe{index, begin, std::min(end, (index + 1) * width) - begin, begin - index * width});
  }
}

}  // namespace clipq
