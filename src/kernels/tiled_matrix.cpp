#include "tiled_matrix.h"

#include <algorithm>

namespace clipq {
namespace {

constexpr int kMostTileValues = 1024;

}  // namespace

TiledMatrix::TiledMatrix(const IntegerWeight& weight, const TileKernel& kernel)
    : kernel_(kernel), stripes_(weight, kernel.columns, 1) {}

void TiledMatrix::multiply(const std::uint8_t* codes, std::int64_t rows, std::ptrdiff_t stride,
                           std::int64_t first, std::int64_t count,
                           const TileConsumer& consume) const {
  alignas(64) std::int32_t values[kMostTileValues];
  const std::int64_t width = stripes_.width;
  const std::int64_t tiles = (rows + kernel_.rows - 1) / kernel_.rows;
  const std::int64_t end = first + count;
  for (std::int64_t stripe = first / width; stripe * width < end; ++stripe) {
    const std::int8_t* weight = stripes_.at(stripe);
    // Each tile brings its share of the next stripe into the cache.
    const bool has_next = (stripe + 1) * width < end;
    const std::int8_t* next = has_next ? stripes_.at(stripe + 1) : weight;
    const std::int64_t step = has_next ? stripes_.bytes() / stripes_.quads / tiles : 0;
    const std::int64_t begin = std::max(first, stripe * width);
    const std::int64_t columns = std::min(end, (stripe + 1) * width) - begin;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const std::int64_t row = rows * tile / tiles;
      const std::int64_t tile_rows = rows * (tile + 1) / tiles - row;
      kernel_.multiply(codes + row * stride, stride, static_cast<int>(tile_rows), weight,
                       stripes_.quads, next + tile * step * stripes_.quads, step, values);
      consume({values + (begin - stripe * width), width, row, tile_rows, begin, columns});
    }
  }
}

}  // namespace clipq
