#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <vector>

#include "dequantized_stripes.h"
#include "float_matrix.h"
#include "for_each_stripe.h"
#include "multiply_floats.h"

namespace clipq {
namespace {

constexpr std::int64_t kColumns = CodeStripes::kColumns;

/// How many k are dequantized at a time: what is multiplied stays in the second-level cache.
constexpr std::int64_t kDepth = 256;

/// What a thread works on.
struct Room {
  hwy::AlignedFreeUniquePtr<float[]> weight = hwy::AllocateAligned<float>(kDepth * kColumns);
  std::vector<float> sums;

  static Room& of_this_thread() {
    static thread_local Room room;
    return room;
  }
};

class Float32Matrix final : public FloatMatrix {
 public:
  explicit Float32Matrix(const QuantizedTensor& weight) : stripes_(weight) {}

  void multiply(const std::uint8_t* inputs, std::int64_t rows, std::ptrdiff_t stride,
                std::int64_t first, std::int64_t count,
                const FloatTileConsumer& consume) const override {
    Room& room = Room::of_this_thread();
    room.sums.resize(static_cast<std::size_t>(rows * kColumns));
    const FloatRows left = {reinterpret_cast<const float*>(inputs),
                            stride / static_cast<std::ptrdiff_t>(sizeof(float)), rows};
    for_each_stripe(kColumns, first, count, [&](const Stripe& stripe) {
      multiply_stripe(left, stripe.index, room);
      consume({room.sums.data() + stripe.skipped, kColumns, 0, rows, stripe.first, stripe.count});
    });
  }

 private:
  void multiply_stripe(const FloatRows& left, std::int64_t stripe, Room& room) const {
    for (std::int64_t k = 0; k < stripes_.depth(); k += kDepth) {
      const std::int64_t depth = std::min(kDepth, stripes_.depth() - k);
      stripes_.dequantize(stripe, k, depth, room.weight.get(), column_block());
      FloatRows part = left;
      part.values += k;
      multiply_floats(part, depth, room.weight.get(), kColumns, k > 0, room.sums.data());
    }
  }

  DequantizedStripes stripes_;
};

}  // namespace

std::unique_ptr<FloatMatrix> pack_float32(const QuantizedTensor& weight) {
  return std::make_unique<Float32Matrix>(weight);
}

}  // namespace clipq
