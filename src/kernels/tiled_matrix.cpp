#include "tiled_matrix.h"

#include <algorithm>
#include <cstring>

namespace clipq {
namespace {

constexpr int kQuad = 4;
constexpr int kMostTileValues = 1024;

}  // namespace

TiledMatrix::TiledMatrix(const IntegerWeight& weight, const TileKernel& kernel)
    : kernel_(kernel),
      columns_(weight.out_features),
      quads_((weight.in_features + kQuad - 1) / kQuad) {
  const std::int64_t stripes = (columns_ + kernel.columns - 1) / kernel.columns;
  const std::int64_t bytes = stripes * kernel.columns * quads_ * kQuad;
  stripes_ = hwy::AllocateAligned<std::int8_t>(static_cast<std::size_t>(bytes));
  std::fill_n(stripes_.get(), bytes, std::int8_t{0});
  for (std::int64_t column = 0; column < columns_; ++column) {
    const std::int8_t* source = weight.codes + column * weight.in_features;
    std::int8_t* target = stripes_.get() +
                          column / kernel.columns * kernel.columns * quads_ * kQuad +
                          column % kernel.columns * kQuad;
    for (std::int64_t k = 0; k < weight.in_features; k += kQuad) {
      std::memcpy(target, source + k,
                  static_cast<std::size_t>(std::min<std::int64_t>(kQuad, weight.in_features - k)));
      target += kernel.columns * kQuad;
    }
  }
}

void TiledMatrix::multiply(const std::uint8_t* codes, std::int64_t rows, std::ptrdiff_t stride,
                           std::int64_t first, std::int64_t count,
                           const TileConsumer& consume) const {
  alignas(64) std::int32_t values[kMostTileValues];
  const std::int64_t width = kernel_.columns;
  const std::int64_t tiles = (rows + kernel_.rows - 1) / kernel_.rows;
  const std::int64_t end = first + count;
  for (std::int64_t stripe = first / width; stripe * width < end; ++stripe) {
    const std::int8_t* weight = stripes_.get() + stripe * width * quads_ * kQuad;
    // Each tile brings its share of the next stripe into the cache.
    const std::int64_t stripe_bytes = width * quads_ * kQuad;
    const bool has_next = (stripe + 1) * width < end;
    const std::int8_t* next = has_next ? weight + stripe_bytes : weight;
    const std::int64_t step = has_next ? width * kQuad / tiles : 0;
    const std::int64_t begin = std::max(first, stripe * width);
    const std::int64_t columns = std::min(end, (stripe + 1) * width) - begin;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const std::int64_t row = rows * tile / tiles;
      const std::int64_t tile_rows = rows * (tile + 1) / tiles - row;
      kernel_.multiply(codes + row * stride, stride, static_cast<int>(tile_rows), weight, quads_,
                       next + tile * step * quads_, step, values);
      consume({values + (begin - stripe * width), width, row, tile_rows, begin, columns});
    }
  }
}

}  // namespace clipq
