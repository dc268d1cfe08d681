#include "dequantized_stripes.h"

#include <algorithm>

#include "clipq/kernels/float_path.h"

namespace clipq {
namespace {

constexpr std::int64_t kColumns = CodeStripes::kColumns;

}  // namespace

GroupScales::GroupScales(const QuantizedTensor& weight) {
  if (!has_scales_in_sums(weight.spec)) return;
  const QuantizerSpec& spec = weight.spec;
  const bool has_groups = spec.granularity == Granularity::kGroup;
  const std::int64_t columns = weight.codes.size(0);
  width_ = has_groups ? spec.group_width(weight.columns) : weight.columns;
  groups_ = has_groups ? spec.groups_in(weight.columns) : 1;
  stride_ = (columns + kColumns - 1) / kColumns * kColumns;
  scales_ = by_group(weight.scales.scale, columns);
  if (spec.is_affine()) {
    zero_points_ = by_group(weight.scales.zero_point, columns);
  } else if (spec.format == Format::kInt4) {
    zero_points_.assign(scales_.size(), kInt4Offset);
  }
}

ColumnScales GroupScales::at(std::int64_t stripe, std::int64_t k) const {
  const std::int64_t place = k / width_ * stride_ + stripe * kColumns;
  return {zero_points_.empty() ? nullptr : zero_points_.data() + place, scales_.data() + place};
}

std::vector<float> GroupScales::by_group(const at::Tensor& values, std::int64_t columns) const {
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

DequantizedStripes::DequantizedStripes(const QuantizedTensor& weight)
    : depth_(weight.columns), stripes_(weight, 1, 1), scales_(weight) {}

void DequantizedStripes::dequantize(std::int64_t stripe, std::int64_t first, std::int64_t count,
                                    float* out, std::int64_t width) const {
  const std::int64_t end = first + count;
  stripes_.prefetch_behind(stripe, end, count);
  for (std::int64_t k = first; k < end;) {
    const std::int64_t stop = scales_.empty() ? end : std::min(end, scales_.end_of_group(k));
    dequantize_to_floats(stripes_.kind(), stripes_.at(stripe, k), stop - k,
                         scales_.empty() ? ColumnScales() : scales_.at(stripe, k),
                         {out + (k - first) * width, width, count * width});
    k = stop;
  }
}

}  // namespace clipq
