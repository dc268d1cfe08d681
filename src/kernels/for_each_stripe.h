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

/// Calls body(stripe) for the stripes of `Width` columns that hold some of [first, first + count).
template <std::int64_t Width, class Body>
void for_each_stripe(std::int64_t first, std::int64_t count, const Body& body) {
  const std::int64_t end = first + count;
  for (std::int64_t index = first / Width; index * Width < end; ++index) {
    const std::int64_t begin = std::max(first, index * Width);
    body(Stripe{index, begin, std::min(end, (index + 1) * Width) - begin, begin - index * Width});
  }
}

}  // namespace clipq
