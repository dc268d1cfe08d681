#pragma once

#include "clipq/kernels/integer_path.h"
#include "tile_kernel.h"
#include "weight_stripes.h"

namespace clipq {

/// A weight in stripes of a tile's columns, multiplied tile by tile.
class TiledMatrix final : public IntegerMatrix {
 public:
  TiledMatrix(const IntegerWeight& weight, const TileKernel& kernel);

  void multiply(const std::uint8_t* codes, std::int64_t rows, std::ptrdiff_t stride,
                std::int64_t first, std::int64_t count, const TileConsumer& consume) const override;

 private:
  TileKernel kernel_;
  WeightStripes stripes_;
};

}  // namespace clipq
