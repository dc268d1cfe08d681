#pragma once

#include <hwy/aligned_allocator.h>

#include <cstdint>

#include "clipq/kernels/panel_linear.h"
#include "clipq/numerics/quantize.h"
#include "prefetch.h"

namespace clipq {

/// How a code of a weight lies in memory.
enum class StoredCode { kInt8, kUint8, kInt4, kE4M3, kE5M2, kHalf };

/// A weight's codes cut into stripes of kColumns columns, each contiguous; zeros where the weight
/// has no column or no k.
class CodeStripes {
 public:
  static constexpr std::int64_t kColumns = PanelLinear::kTileColumns;

  /// @param together how many neighbouring k stand side by side: a line is [column][together]. Of
  ///        int4 (one together) it is half as many bytes, column c's code below that of c + 32
  /// @param step the number of k is rounded up to a multiple of it, which is one of `together`
  CodeStripes(const QuantizedTensor& weight, std::int64_t together, std::int64_t step);

  StoredCode kind() const { return kind_; }
  std::int64_t depth() const { return depth_; }  ///< rounded up
  /// The codes of a stripe from k on, a multiple of `together`.
  const std::uint8_t* at(std::int64_t stripe, std::int64_t k) const {
    return codes_.get() + (stripe * depth_ + k) * bytes_of_k_;
  }

  /// Brings the codes of `count` k that lie behind `k` into the cache, while others are worked on.
  void prefetch_behind(std::int64_t stripe, std::int64_t k, std::int64_t count) const {
    prefetch(at(stripe, k), count * bytes_of_k_, codes_.get() + bytes_);
  }

 private:
  void fill_stripe(const std::uint8_t* codes, std::int64_t stripe);

  StoredCode kind_;
  std::int64_t together_;
  std::int64_t columns_;  ///< of the weight
  std::int64_t weight_depth_;
  std::int64_t row_bytes_;  ///< of the weight's own storage
  std::int64_t depth_;
  std::int64_t bytes_of_k_;  ///< in a stripe
  std::int64_t bytes_;       ///< of all
  hwy::AlignedFreeUniquePtr<std::uint8_t[]> codes_;
};

}  // namespace clipq
