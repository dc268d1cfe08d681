#pragma once

#include <hwy/aligned_allocator.h>

#include "clipq/kernels/integer_path.h"

namespace clipq {

/// A weight's codes cut into stripes of a few columns, each contiguous:
/// [stripe][quad][column of the stripe][4], four neighbouring k side by side; zeros where the
/// weight has no column or no k.
struct WeightStripes {
  /// Packs on all threads.
  /// @param stripe_columns of a stripe
  /// @param quad_step the number of quads is rounded up to a multiple of it
  WeightStripes(const IntegerWeight& weight, std::int64_t stripe_columns, std::int64_t quad_step);

  std::int64_t bytes() const { return width * quads * 4; }
  const std::int8_t* at(std::int64_t stripe) const { return codes.get() + stripe * bytes(); }

  std::int64_t width;    ///< columns of a stripe
  std::int64_t columns;  ///< of the weight
  std::int64_t quads;
  hwy::AlignedFreeUniquePtr<std::int8_t[]> codes;

 private:
  void fill(const IntegerWeight& weight, std::int64_t stripe);
};

}  // namespace clipq
