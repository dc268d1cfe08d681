#pragma once

#include <vector>

#include "code_stripes.h"
#include "dequantize_codes.h"

namespace clipq {

/// Scales and zero points of each group of k and of each column: [group][column], columns rounded
/// up to whole stripes. None unless has_scales_in_sums().
class GroupScales {
 public:
  explicit GroupScales(const QuantizedTensor& weight);

  bool empty() const { return scales_.empty(); }

  /// The first k after the group of `k`.
  std::int64_t end_of_group(std::int64_t k) const { return (k / width_ + 1) * width_; }

  ColumnScales at(std::int64_t stripe, std::int64_t k) const;

 private:
  std::vector<float> by_group(const at::Tensor& values, std::int64_t columns) const;

  std::int64_t width_ = 0;
  std::int64_t groups_ = 1;
  std::int64_t stride_ = 0;
  std::vector<float> scales_;
  std::vector<float> zero_points_;
};

/// A weight's codes in stripes of columns, and what they stand for as floats.
class DequantizedStripes {
 public:
  explicit DequantizedStripes(const QuantizedTensor& weight);

  std::int64_t depth() const { return depth_; }

  /// Lines [first, first + count) of a stripe: [kColumns / width][count][width]. Multiplied by
  /// their scales if has_scales_in_sums().
  /// @param width as ColumnBlocks has it
  void dequantize(std::int64_t stripe, std::int64_t first, std::int64_t count, float* out,
                  std::int64_t width = CodeStripes::kColumns) const;

 private:
  std::int64_t depth_;
  CodeStripes stripes_;
  GroupScales scales_;
};

}  // namespace clipq
