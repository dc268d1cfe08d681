#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
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

/// What the time that a head takes depends on.
struct HeadShape {
  std::int64_t tokens;
  std::int64_t head_width;
  bool causal;

  auto operator<=>(const HeadShape&) const = default;
};

/// Buffers of one thread, grown when too small, kept to be used again.
struct AttentionScratch {
  std::vector<float> floats;
  std::vector<std::uint16_t> halves;  ///< bfloat16
  std::vector<std::uint32_t> pairs;   ///< of bfloat16
};

/// A way to compute softmax(q k^T / sqrt(head width)) v. Where operands of the two products are
/// rounded to bfloat16, sums and softmax are still float32.
struct AttentionPath {
  const char* name;
  const char* comment;
  bool (*supported)();  ///< by this processor
  void (*attend)(const HeadView& head, AttentionScratch& scratch);
};

/// All paths, those that are likely the fastest first; the last one, float32, runs everywhere.
const std::vector<AttentionPath>& attention_paths();

/// The path of that name. Throws UsageError with the valid names, or if the processor lacks it.
const AttentionPath& find_attention_path(const std::string& name, const std::string& where);

/// The path that is the fastest here for heads of that shape: each computes a head a few times,
/// once for every shape in a process. One that rounds to bfloat16 must be clearly faster than
/// float32.
const AttentionPath& fastest_attention_path(const HeadShape& shape);

const AttentionPath& float32_attention_path();

}  // namespace clipq
