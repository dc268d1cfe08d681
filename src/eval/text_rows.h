#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "clipq/model/tower_network.h"

namespace clipq {

/// The rows of texts that are embedded, and which of them stands for each text.
struct TextRows {
  std::vector<std::int64_t> rows;  ///< of the tokens
  std::vector<std::int64_t> of;    ///< for each text, the place of its like in `rows`

  std::int64_t count() const { return static_cast<std::int64_t>(rows.size()); }

  /// The tokens of `count` rows from the place `first` on.
  at::Tensor batch(const at::Tensor& tokens, std::int64_t first, std::int64_t count) const;

  /// Embeddings of all texts, given those of `rows`.
  at::Tensor expanded(const at::Tensor& embeddings) const;
};

/// Each distinct text once, the shortest first, unless the tower needs the whole batch: then all,
/// as they come.
/// @param tokens int32 [texts, context_length]
TextRows text_rows(const at::Tensor& tokens, const TextTower& tower);

}  // namespace clipq
