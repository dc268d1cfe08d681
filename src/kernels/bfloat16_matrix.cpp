#include <hwy/aligned_allocator.h>

#include <algorithm>

#include "code_stripes.h"
#include "float_matrix.h"
#include "fp8_to_bfloat16.h"

namespace clipq {
namespace {

constexpr std::int64_t kColumns = CodeStripes::kColumns;

/// Neighbouring k that stand side by side.
constexpr std::int64_t kPair = 2;

/// How many k are dequantized at a time: what is multiplied stays in the second-level cache.
constexpr std::int64_t kDepth = 512;

/// What a thread works on.
struct Room {
  hwy::AlignedFreeUniquePtr<std::uint32_t[]> pairs =
      hwy::AllocateAligned<std::uint32_t>(kDepth / kPair * kColumns);
  hwy::AlignedFreeUniquePtr<float[]> sums;
  std::int64_t rows = 0;

  float* sums_of(std::int64_t count) {
    if (count > rows) {
      sums = hwy::AllocateAligned<float>(static_cast<std::size_t>(count * kColumns));
      rows = count;
    }
    return sums.get();
  }

  static Room& of_this_thread() {
    static thread_local Room room;
    return room;
  }
};

class Bfloat16Matrix final : public FloatMatrix {
 public:
  Bfloat16Matrix(const QuantizedTensor& weight, const Bfloat16Kernel& kernel)
      : kernel_(kernel),
        stripes_(weight, kPair, Bfloat16Kernel::kDepth),
        dequantize_(stripes_.kind() == StoredCode::kE4M3 ? e4m3_to_bfloat16 : e5m2_to_bfloat16) {}

  void multiply(const std::uint8_t* inputs, std::int64_t rows, std::ptrdiff_t stride,
                std::int64_t first, std::int64_t count,
                const FloatTileConsumer& consume) const override {
    constexpr std::int64_t kRows = Bfloat16Kernel::kRows;
    Room& room = Room::of_this_thread();
    float* sums = room.sums_of((rows + kRows - 1) / kRows * kRows);
    const std::int64_t end = first + count;
    kernel_.begin();
    for (std::int64_t stripe = first / kColumns; stripe * kColumns < end; ++stripe) {
      multiply_stripe(inputs, rows, stride, stripe, room.pairs.get(), sums);
      const std::int64_t begin = std::max(first, stripe * kColumns);
      const std::int64_t columns = std::min(end, (stripe + 1) * kColumns) - begin;
      consume({sums + (begin - stripe * kColumns), kColumns, 0, rows, begin, columns});
    }
    kernel_.end();
  }

 private:
  void multiply_stripe(const std::uint8_t* inputs, std::int64_t rows, std::ptrdiff_t stride,
                       std::int64_t stripe, std::uint32_t* pairs, float* sums) const {
    constexpr std::int64_t kRows = Bfloat16Kernel::kRows;
    for (std::int64_t k = 0; k < stripes_.depth(); k += kDepth) {
      const std::int64_t depth = std::min(kDepth, stripes_.depth() - k);
      dequantize_(stripes_.at(stripe, k), depth * kColumns,
                  reinterpret_cast<std::uint16_t*>(pairs));
      for (std::int64_t row = 0; row < rows; row += kRows) {
        const auto* values = reinterpret_cast<const std::uint16_t*>(inputs + row * stride) + k;
        kernel_.multiply(
            {.left = {values, stride / 2, static_cast<int>(std::min(kRows, rows - row))},
             .right = {pairs, kColumns},
             .steps = depth / Bfloat16Kernel::kDepth,
             .columns = kColumns,
             .adds = k > 0},
            sums + row * kColumns, kColumns);
      }
    }
  }

  Bfloat16Kernel kernel_;
  CodeStripes stripes_;
  void (*dequantize_)(const std::uint8_t* codes, std::int64_t count, std::uint16_t* out);
};

}  // namespace

std::unique_ptr<FloatMatrix> pack_bfloat16(const QuantizedTensor& weight,
                                           const Bfloat16Kernel& kernel) {
  return std::make_unique<Bfloat16Matrix>(weight, kernel);
}

}  // namespace clipq
