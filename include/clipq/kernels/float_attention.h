#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace clipq {

/// One head of one item. Rows stand `…_stride` floats apart.
struct HeadView {
  const float* queries;  ///< [query_rows][head_width]
  std::ptrdiff_t query_stride;
  std::int64_t query_rows;
  const float* keys;          ///< [tokens][head_width]
  const float* values;        ///< [tokens][head_width]
  std::ptrdiff_t key_stride;  ///< of keys and of values
  std::int64_t tokens;
  std::int64_t head_width;
  bool causal;  ///< query i attends to the tokens up to i
  float* out;   ///< [query_rows][head_width]
  std::ptrdiff_t out_stride;
};

/// softmax(q k^T / sqrt(head width)) v in float32.
/// @param scratch grown when too small, kept by the caller to be used again
void attend_head(const HeadView& head, std::vector<float>& scratch);

}  // namespace clipq
