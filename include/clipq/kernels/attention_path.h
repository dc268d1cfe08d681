#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clipq/kernels/input_rules.h"

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

/// Buffers of one thread, grown when too small, kept to be used again.
struct AttentionScratch {
  std::vector<float> floats;
  std::vector<std::uint16_t> halves;  ///< bfloat16
  std::vector<std::uint32_t> pairs;   ///< of bfloat16
};

/// Quantizers around the products of a head; an operand without one stays float32. No rule has a
/// range per row.
struct HeadQuantizers {
  std::optional<ValueRule> queries;
  std::optional<ValueRule> keys;
  std::optional<ValueRule> softmax;
  std::optional<ValueRule> values;
  std::optional<ValueRule> output;
};

/// Attention of a head on quantized operands, with products of the values of their codes: those of
/// integers are exact as long as their sums are below 2^24. Softmax is float32.
void attend_quantized_head(const HeadView& head, const HeadQuantizers& quantizers,
                           AttentionScratch& scratch);

/// A way to compute softmax(q k^T / sqrt(head width)) v. Where operands of the two products are
/// rounded to bfloat16, sums and softmax are still float32.
struct AttentionPath {
  const char* name;
  const char* comment;
  bool (*supported)();  ///< by this processor
  void (*attend)(const HeadView& head, AttentionScratch& scratch);
  std::int64_t least_tokens;  ///< from which on it is clearly faster than float32
};

/// All paths, those that are likely the fastest first; the last one, float32, runs everywhere.
const std::vector<AttentionPath>& attention_paths();

/// The path of that name. Throws UsageError with the valid names, or if the processor lacks it.
const AttentionPath& find_attention_path(const std::string& name, const std::string& where);

/// The first one that this processor has and that is clearly faster than float32 for so many
/// tokens. A rule and not a trial: paths round differently, and a machine should give the same
/// embeddings every time.
const AttentionPath& fastest_attention_path(std::int64_t tokens);

const AttentionPath& float32_attention_path();

}  // namespace clipq
