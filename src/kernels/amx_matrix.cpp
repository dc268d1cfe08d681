#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "clipq/kernels/integer_path.h"
#include "tile_amx.h"
#include "weight_stripes.h"

namespace clipq {
namespace {

constexpr std::int64_t kQuadsOfStep = AmxTiles::kBytes / 4;

/// Gives a tile to its consumer in parts, one between every few steps of the next tile's product.
class ConsumerInTurns {
 public:
  ConsumerInTurns(const TileConsumer& consume, std::int64_t steps)
      : consume_(consume), steps_(steps) {}

  /// The tile to consume from now on; the one before has been.
  void begin(const AccumulatorTile& tile) {
    tile_ = tile;
    done_ = 0;
  }

  SideWork side_work() {
    if (done_ == tile_.rows) return {};
    return {[](void* self, std::int64_t step) {
              static_cast<ConsumerInTurns*>(self)->after_step(step);
            },
            this};
  }

  /// Whatever is left.
  void finish() { consume_rows(tile_.rows - done_); }

 private:
  void after_step(std::int64_t step) {
    const std::int64_t due = tile_.rows * (step + 1) / steps_ - done_;
    if (due >= kRowsOfTurn || step + 1 == steps_) consume_rows(due);
  }

  void consume_rows(std::int64_t rows) {
    if (rows == 0) return;
    consume_({tile_.values + done_ * tile_.stride, tile_.stride, tile_.row + done_, rows,
              tile_.column, tile_.columns});
    done_ += rows;
  }

  /// Enough that what is loaded for the columns is used some times.
  static constexpr std::int64_t kRowsOfTurn = 4;

  const TileConsumer& consume_;
  std::int64_t steps_;
  AccumulatorTile tile_{};
  std::int64_t done_ = 0;
};

/// A weight in stripes of two tiles' columns.
class AmxMatrix final : public IntegerMatrix {
 public:
  explicit AmxMatrix(const IntegerWeight& weight)
      : stripes_(weight, AmxTiles::kColumns, kQuadsOfStep), depth_(weight.in_features) {}

  void multiply(const std::uint8_t* codes, std::int64_t rows, std::ptrdiff_t stride,
                std::int64_t first, std::int64_t count,
                const TileConsumer& consume) const override {
    const std::int64_t steps = stripes_.quads / kQuadsOfStep;
    if (steps * AmxTiles::kBytes <= stride) {
      multiply_padded(codes, rows, stride, first, count, consume);
      return;
    }
    // A step would read beyond the last row.
    const auto padded_stride = static_cast<std::ptrdiff_t>(steps * AmxTiles::kBytes);
    std::vector<std::uint8_t> padded(static_cast<std::size_t>(rows * padded_stride));
    for (std::int64_t row = 0; row < rows; ++row) {
      std::memcpy(padded.data() + row * padded_stride, codes + row * stride,
                  static_cast<std::size_t>(depth_));
    }
    multiply_padded(padded.data(), rows, padded_stride, first, count, consume);
  }

 private:
  /// `stride` is not less than what the steps read. What codes hold behind `depth_` meets zeros.
  void multiply_padded(const std::uint8_t* codes, std::int64_t rows, std::ptrdiff_t stride,
                       std::int64_t first, std::int64_t count, const TileConsumer& consume) const {
    constexpr std::int64_t kTileValues = AmxTiles::kRows * AmxTiles::kColumns;
    alignas(64) std::int32_t values[2 * kTileValues];
    std::int32_t* out = values;
    std::int32_t* other = values + kTileValues;
    const std::int64_t steps = stripes_.quads / kQuadsOfStep;
    const std::int64_t width = stripes_.width;
    const std::int64_t tiles = (rows + AmxTiles::kRows - 1) / AmxTiles::kRows;
    const std::int64_t end = first + count;
    int configured = 0;
    ConsumerInTurns consumer(consume, steps);
    for (std::int64_t stripe = first / width; stripe * width < end; ++stripe) {
      const std::int64_t begin = std::max(first, stripe * width);
      const std::int64_t columns = std::min(end, (stripe + 1) * width) - begin;
      const bool has_next = (stripe + 1) * width < end;
      for (std::int64_t tile = 0; tile < tiles; ++tile) {
        const std::int64_t row = tile * AmxTiles::kRows;
        const int tile_rows = static_cast<int>(std::min<std::int64_t>(AmxTiles::kRows, rows - row));
        if (tile_rows != configured) AmxTiles::configure(configured = tile_rows);
        multiply_amx_int8(codes + row * stride, stride, tile_rows, stripes_.at(stripe), steps,
                          has_next ? share_of_next(stripe + 1, tile, tiles) : Prefetch(),
                          consumer.side_work(), out);
        consumer.begin({out + (begin - stripe * width), width, row, tile_rows, begin, columns});
        std::swap(out, other);
      }
    }
    if (configured != 0) AmxTiles::release();
    consumer.finish();
  }

  /// Each tile brings its share of the next stripe into the cache.
  Prefetch share_of_next(std::int64_t stripe, std::int64_t tile, std::int64_t tiles) const {
    const std::int64_t lines_a_step = stripes_.width * kQuadsOfStep * 4 / AmxTiles::kBytes;
    const std::int64_t lines = (lines_a_step + tiles - 1) / tiles;
    const std::int64_t steps = stripes_.quads / kQuadsOfStep;
    return {stripes_.at(stripe) + tile * lines * steps * AmxTiles::kBytes, static_cast<int>(lines)};
  }

  WeightStripes stripes_;
  std::int64_t depth_;
};

}  // namespace

std::unique_ptr<IntegerMatrix> pack_amx(const IntegerWeight& weight) {
  return std::make_unique<AmxMatrix>(weight);
}

}  // namespace clipq
