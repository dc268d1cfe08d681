#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <vector>

#include "dequantize_codes.h"
#include "float_matrix.h"
#include "multiply_floats.h"

namespace clipq {
namespace {

constexpr std::int64_t kColumns = CodeStripes::kColumns;

/// How many k are dequantized at a time: what is multiplied stays in the second-level cache.
constexpr std::int64_t kDepth = 256;

/// Scales and zero points of each group of k and of each column: [group][column], columns rounded
/// up to whole stripes.
class GroupScales {
 public:
  explicit GroupScales(const QuantizedTensor& weight) {
    if (!has_scales_in_sums(weight.spec)) return;
    const QuantizerSpec& spec = weight.spec;
    const bool has_groups = spec.granularity == Granularity::kGroup;
    const std::int64_t columns = weight.codes.size(0);
    width_ = has_groups ? spec.group_width(weight.columns) : weight.columns;
    groups_ = has_groups ? spec.groups_in(weight.columns) : 1;
    stride_ = (columns + kColumns - 1) / kColumns * kColumns;
    scales_ = by_group(weight.scales.scale, columns);
    if (spec.scheme == Scheme::kAffine) {
      zero_points_ = by_group(weight.scales.zero_point, columns);
    } else if (spec.format == Format::kInt4) {
      zero_points_.assign(scales_.size(), kInt4Offset);
    }
  }

  bool empty() const { return scales_.empty(); }

  /// The first k behind the group of `k`.
  std::int64_t end_of_group(std::int64_t k) const { return (k / width_ + 1) * width_; }

  ColumnScales at(std::int64_t stripe, std::int64_t k) const {
    const std::int64_t place = k / width_ * stride_ + stripe * kColumns;
    return {zero_points_.empty() ? nullptr : zero_points_.data() + place, scales_.data() + place};
  }

 private:
  std::vector<float> by_group(const at::Tensor& values, std::int64_t columns) const {
    const at::Tensor all =
        values.reshape({values.dim() == 0 ? 1 : values.size(0), -1}).expand({columns, groups_});
    std::vector<float> grouped(static_cast<std::size_t>(groups_ * stride_));
    const at::Tensor rows = all.contiguous();
    const auto* row = rows.const_data_ptr<float>();
    for (std::int64_t i = 0; i < columns * groups_; ++i) {
      grouped[static_cast<std::size_t>(i % groups_ * stride_ + i / groups_)] = row[i];
    }
    return grouped;
  }

  std::int64_t width_ = 0;
  std::int64_t groups_ = 1;
  std::int64_t stride_ = 0;
  std::vector<float> scales_;
  std::vector<float> zero_points_;
};

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
  explicit Float32Matrix(const QuantizedTensor& weight)
      : depth_(weight.columns), stripes_(weight, 1, 1), scales_(weight) {}

  void multiply(const std::uint8_t* inputs, std::int64_t rows, std::ptrdiff_t stride,
                std::int64_t first, std::int64_t count,
                const FloatTileConsumer& consume) const override {
    Room& room = Room::of_this_thread();
    room.sums.resize(static_cast<std::size_t>(rows * kColumns));
    const FloatRows left = {reinterpret_cast<const float*>(inputs),
                            stride / static_cast<std::ptrdiff_t>(sizeof(float)), rows};
    const std::int64_t end = first + count;
    for (std::int64_t stripe = first / kColumns; stripe * kColumns < end; ++stripe) {
      multiply_stripe(left, stripe, room);
      const std::int64_t begin = std::max(first, stripe * kColumns);
      const std::int64_t columns = std::min(end, (stripe + 1) * kColumns) - begin;
      consume({room.sums.data() + (begin - stripe * kColumns), kColumns, 0, rows, begin, columns});
    }
  }

 private:
  void multiply_stripe(const FloatRows& left, std::int64_t stripe, Room& room) const {
    for (std::int64_t k = 0; k < depth_; k += kDepth) {
      const std::int64_t depth = std::min(kDepth, depth_ - k);
      dequantize(stripe, k, depth, room.weight.get());
      FloatRows part = left;
      part.values += k;
      multiply_floats(part, depth, room.weight.get(), kColumns, k > 0, room.sums.data());
    }
  }

  void dequantize(std::int64_t stripe, std::int64_t first, std::int64_t depth, float* out) const {
    const std::int64_t end = first + depth;
    for (std::int64_t k = first; k < end;) {
      const std::int64_t stop = scales_.empty() ? end : std::min(end, scales_.end_of_group(k));
      dequantize_to_floats(stripes_.kind(), stripes_.at(stripe, k), stop - k,
                           scales_.empty() ? ColumnScales() : scales_.at(stripe, k),
                           out + (k - first) * kColumns);
      k = stop;
    }
  }

  std::int64_t depth_;
  CodeStripes stripes_;
  GroupScales scales_;
};

}  // namespace

std::unique_ptr<FloatMatrix> pack_float32(const QuantizedTensor& weight) {
  return std::make_unique<Float32Matrix>(weight);
}

}  // namespace clipq
