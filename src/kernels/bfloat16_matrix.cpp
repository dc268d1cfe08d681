#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <memory>

#include "bfloat16_parts.h"
#include "dequantized_stripes.h"
#include "float_matrix.h"
#include "for_each_stripe.h"
#include "fp8_to_bfloat16.h"

namespace clipq {
namespace {

constexpr std::int64_t kColumns = CodeStripes::kColumns;

/// Neighbouring k that stand side by side.
constexpr std::int64_t kPair = 2;

/// How many k are dequantized at a time: what is multiplied stays in the second-level cache.
constexpr std::int64_t kDepth = 512;

using AlignedPairs = hwy::AlignedFreeUniquePtr<std::uint32_t[]>;

/// What a thread works on.
struct Room {
  AlignedPairs upper = hwy::AllocateAligned<std::uint32_t>(kDepth / kPair * kColumns);
  AlignedPairs lower = hwy::AllocateAligned<std::uint32_t>(kDepth / kPair * kColumns);
  hwy::AlignedFreeUniquePtr<float[]> lines =
      hwy::AllocateAligned<float>(Bfloat16Kernel::kDepth * kColumns);
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

/// A weight's codes, dequantized to pairs of bfloat16.
class PairStripes {
 public:
  virtual ~PairStripes() = default;

  virtual std::int64_t depth() const = 0;  ///< in whole steps

  /// Whether room.lower is needed to hold what codes stand for.
  virtual bool has_lower_part() const = 0;

  /// Lines [first, first + count) of a stripe, whole steps of them, to the room's pairs.
  virtual void fill(std::int64_t stripe, std::int64_t first, std::int64_t count,
                    Room& room) const = 0;
};

class Fp8Stripes final : public PairStripes {
 public:
  explicit Fp8Stripes(const QuantizedTensor& weight)
      : stripes_(weight, kPair, Bfloat16Kernel::kDepth),
        convert_(stripes_.kind() == StoredCode::kE4M3 ? e4m3_to_bfloat16 : e5m2_to_bfloat16) {}

  std::int64_t depth() const override { return stripes_.depth(); }
  bool has_lower_part() const override { return false; }
  void fill(std::int64_t stripe, std::int64_t first, std::int64_t count,
            Room& room) const override {
    convert_(stripes_.at(stripe, first), count * kColumns,
             reinterpret_cast<std::uint16_t*>(room.upper.get()));
  }

 private:
  CodeStripes stripes_;
  void (*convert_)(const std::uint8_t* codes, std::int64_t count, std::uint16_t* out);
};

class FloatStripes final : public PairStripes {
 public:
  explicit FloatStripes(const QuantizedTensor& weight)
      : stripes_(weight),
        depth_(whole_steps(stripes_.depth())),
        has_lower_part_(weight.spec.format != Format::kInt8 || has_scales_in_sums(weight.spec)) {}

  std::int64_t depth() const override { return depth_; }
  bool has_lower_part() const override { return has_lower_part_; }
  void fill(std::int64_t stripe, std::int64_t first, std::int64_t count,
            Room& room) const override {
    constexpr std::int64_t kStep = Bfloat16Kernel::kDepth;
    for (std::int64_t k = 0; k < count; k += kStep) {
      const std::int64_t lines = std::min(kStep, stripes_.depth() - first - k);
      stripes_.dequantize(stripe, first + k, lines, room.lines.get());
      std::fill(room.lines.get() + lines * kColumns, room.lines.get() + kStep * kColumns, 0.0F);
      const std::int64_t place = k / kPair * kColumns;
      pair_as_bfloat16(room.lines.get(), kStep, kColumns, room.upper.get() + place,
                       has_lower_part_ ? room.lower.get() + place : nullptr);
    }
  }

 private:
  DequantizedStripes stripes_;
  std::int64_t depth_;
  bool has_lower_part_;
};

std::unique_ptr<PairStripes> stripes_of(const QuantizedTensor& weight) {
  if (is_fp8(weight.spec) && !has_scales_in_sums(weight.spec))
    return std::make_unique<Fp8Stripes>(weight);
  return std::make_unique<FloatStripes>(weight);
}

/// Products of the upper parts and, where there are lower ones, of an upper and a lower part; those
/// of two lower parts are too small to count.
class Bfloat16Matrix final : public FloatMatrix {
 public:
  Bfloat16Matrix(const QuantizedTensor& weight, const Bfloat16Kernel& kernel, bool has_lower_inputs)
      : kernel_(kernel), stripes_(stripes_of(weight)), has_lower_inputs_(has_lower_inputs) {}

  void multiply(const std::uint8_t* inputs, std::int64_t rows, std::ptrdiff_t stride,
                std::int64_t first, std::int64_t count,
                const FloatTileConsumer& consume) const override {
    constexpr std::int64_t kRows = Bfloat16Kernel::kRows;
    Room& room = Room::of_this_thread();
    float* sums = room.sums_of((rows + kRows - 1) / kRows * kRows);
    kernel_.begin();
    for_each_stripe(kColumns, first, count, [&](const Stripe& stripe) {
      multiply_stripe(inputs, rows, stride, stripe.index, room);
      consume({sums + stripe.skipped, kColumns, 0, rows, stripe.first, stripe.count});
    });
    kernel_.end();
  }

 private:
  void multiply_stripe(const std::uint8_t* inputs, std::int64_t rows, std::ptrdiff_t stride,
                       std::int64_t stripe, Room& room) const {
    constexpr std::int64_t kRows = Bfloat16Kernel::kRows;
    for (std::int64_t k = 0; k < stripes_->depth(); k += kDepth) {
      const std::int64_t depth = std::min(kDepth, stripes_->depth() - k);
      stripes_->fill(stripe, k, depth, room);
      for (std::int64_t row = 0; row < rows; row += kRows) {
        const auto* upper = reinterpret_cast<const std::uint16_t*>(inputs + row * stride) + k;
        float* sums = room.sums.get() + row * kColumns;
        Bfloat16Product product = {
            .left = {upper, stride / 2, static_cast<int>(std::min(kRows, rows - row))},
            .right = {room.upper.get(), kColumns},
            .steps = depth / Bfloat16Kernel::kDepth,
            .columns = kColumns,
            .adds = k > 0};
        kernel_.multiply(product, sums, kColumns);
        product.adds = true;
        if (has_lower_inputs_) {
          product.left.values = upper + stripes_->depth();
          kernel_.multiply(product, sums, kColumns);
          product.left.values = upper;
        }
        if (stripes_->has_lower_part()) {
          product.right.values = room.lower.get();
          kernel_.multiply(product, sums, kColumns);
        }
      }
    }
  }

  Bfloat16Kernel kernel_;
  std::unique_ptr<PairStripes> stripes_;
  bool has_lower_inputs_;
};

}  // namespace

std::unique_ptr<FloatMatrix> pack_bfloat16(const QuantizedTensor& weight,
                                           const Bfloat16Kernel& kernel, bool has_lower_inputs) {
  return std::make_unique<Bfloat16Matrix>(weight, kernel, has_lower_inputs);
}

}  // namespace clipq
