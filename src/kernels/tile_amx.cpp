#include "tile_amx.h"

#include <immintrin.h>

#include "bfloat16_kernel.h"
#include "group_kernel.h"

namespace clipq {
namespace {

/// What LDTILECFG reads.
struct alignas(64) TileConfig {
  std::uint8_t palette;
  std::uint8_t start_row;
  std::uint8_t reserved[14];
  std::uint16_t row_bytes[16];
  std::uint8_t rows[16];
};

constexpr int kTileRows = 16;
constexpr int kTileBytes = 64;
constexpr std::ptrdiff_t kWeightStride = AmxTiles::kColumns * 4;
constexpr std::ptrdiff_t kOutStride = AmxTiles::kColumns * 4;

}  // namespace

void AmxTiles::configure(int rows) {
  const int upper = rows < kTileRows ? rows : kTileRows;
  // A tile can't have no rows; those of the lower tiles aren't used then.
  const int lower = rows > kTileRows ? rows - kTileRows : 1;
  TileConfig config{};
  config.palette = 1;
  for (int tile = 0; tile < 8; ++tile) {
    const bool is_weight = tile >= 6;
    const bool is_upper = tile == 0 || tile == 1 || tile == 4;
    config.rows[tile] =
        static_cast<std::uint8_t>(is_weight ? kTileRows : (is_upper ? upper : lower));
    config.row_bytes[tile] = kTileBytes;
  }
  // GCC 12's intrinsic tells the compiler of the first bytes alone that it reads.
  asm volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
}

void AmxTiles::release() { _tile_release(); }

void multiply_amx_int8(const std::uint8_t* codes, std::ptrdiff_t stride, int rows,
                       const std::int8_t* weight, std::int64_t steps, Prefetch prefetch,
                       const SideWork& side_work, std::int32_t* out) {
  const bool has_lower = rows > kTileRows;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int64_t step = 0; step < steps; ++step) {
    _tile_loadd(4, codes, stride);
    _tile_loadd(6, weight, kWeightStride);
    _tile_loadd(7, weight + kTileBytes, kWeightStride);
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    if (has_lower) {
      _tile_loadd(5, codes + kTileRows * stride, stride);
      _tile_dpbusd(2, 5, 6);
      _tile_dpbusd(3, 5, 7);
    }
    for (int line = 0; line < prefetch.lines; ++line) {
      __builtin_prefetch(prefetch.from + line * kTileBytes, 0, 2);
    }
    if (side_work.run != nullptr) side_work.run(side_work.context, step);
    prefetch.from += prefetch.lines * kTileBytes;
    codes += kTileBytes;
    weight += kTileRows * kWeightStride;
  }
  _tile_stored(0, out, kOutStride);
  _tile_stored(1, out + kTileRows, kOutStride);
  if (has_lower) {
    std::int32_t* lower = out + kTileRows * AmxTiles::kColumns;
    _tile_stored(2, lower, kOutStride);
    _tile_stored(3, lower + kTileRows, kOutStride);
  }
}

namespace {

void configure_all_rows() { AmxTiles::configure(AmxTiles::kRows); }

void load_accumulators(const float* out, std::ptrdiff_t stride, bool has_lower) {
  _tile_loadd(0, out, stride * 4);
  _tile_loadd(1, out + kTileRows, stride * 4);
  if (!has_lower) return;
  _tile_loadd(2, out + kTileRows * stride, stride * 4);
  _tile_loadd(3, out + kTileRows * stride + kTileRows, stride * 4);
}

void zero_accumulators() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

void multiply_bfloat16(const Bfloat16Product& product, float* out, std::ptrdiff_t out_stride) {
  const Bfloat16Rows& rows = product.left;
  const bool has_lower = rows.rows > kTileRows;
  const std::ptrdiff_t left_bytes = rows.stride * 2;
  const std::ptrdiff_t right_bytes = product.right.stride * 4;
  const std::ptrdiff_t out_bytes = out_stride * 4;
  for (std::int64_t column = 0; column < product.columns; column += AmxTiles::kColumns) {
    const std::uint16_t* left = rows.values;
    const std::uint32_t* right = product.right.values + column;
    if (product.adds) {
      load_accumulators(out + column, out_stride, has_lower);
    } else {
      zero_accumulators();
    }
    for (std::int64_t step = 0; step < product.steps; ++step) {
      _tile_loadd(4, left, left_bytes);
      _tile_loadd(6, right, right_bytes);
      _tile_loadd(7, right + kTileRows, right_bytes);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      if (has_lower) {
        _tile_loadd(5, left + kTileRows * rows.stride, left_bytes);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      left += Bfloat16Kernel::kDepth;
      right += kTileRows * product.right.stride;
    }
    _tile_stored(0, out + column, out_bytes);
    _tile_stored(1, out + column + kTileRows, out_bytes);
    if (has_lower) {
      _tile_stored(2, out + kTileRows * out_stride + column, out_bytes);
      _tile_stored(3, out + kTileRows * out_stride + column + kTileRows, out_bytes);
    }
  }
}

void configure_tiles(int rows) { AmxTiles::configure(rows > kTileRows ? AmxTiles::kRows : rows); }

void multiply_group(const std::uint8_t* codes, std::ptrdiff_t stride, int rows,
                    const std::int8_t* weight, std::int64_t quads, const std::int8_t* /*ahead*/,
                    std::ptrdiff_t /*ahead_step*/, std::int32_t* out) {
  multiply_amx_int8(codes, stride, rows, weight, quads / kTileRows, {}, {}, out);
}

}  // namespace

const GroupKernel kAmxGroupKernel = {
    {AmxTiles::kRows, AmxTiles::kColumns, multiply_group}, configure_tiles, AmxTiles::release};

const Bfloat16Kernel kAmxBfloat16Kernel = {"amx-bf16", configure_all_rows, multiply_bfloat16,
                                           AmxTiles::release};

}  // namespace clipq
