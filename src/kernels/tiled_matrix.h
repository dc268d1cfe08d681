#pragma once

#include <hwy/aligned_allocator.h>

#include "clipq/kernels/integer_path.h"
#include "tile_kernel.h"

namespace clipq {

/// A weight cut into stripes of a tile's columns, each contiguous.
class TiledMatrix final : public IntegerMatrix {
 public:
  TiledMatrix(const IntegerWeight& weight, const TileKernel& kernel);

  void multiply(const std::uint8_t* codes, std::int64_t rows, std::ptrdiff_t stride,
                std::int64_t first, std::int64_t count, const TileConsumer& consume) const override;

 private:
  TileKernel kernel_;
  std::int64_t columns_;  ///< of the whole matrix
  std::int64_t quads_;
  hwy::AlignedFreeUniquePtr<std::int8_t[]> stripes_;
};

}  // namespace clipq
