#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace clipq {

/// Items that go through a tower together, their rows one behind the other.
struct TowerItems {
  std::vector<std::int64_t> first_row = {0};  ///< of each item, then the number of rows
  std::vector<std::int64_t> position;  ///< of each item's pooled row within it; 0 if all are wanted

  void add(std::int64_t rows, std::int64_t pooled_row);

  std::int64_t count() const { return static_cast<std::int64_t>(position.size()); }
  std::int64_t rows() const { return first_row.back(); }
  std::int64_t length(std::int64_t item) const { return first_row[item + 1] - first_row[item]; }
  std::int64_t pooled_row(std::int64_t item) const { return first_row[item] + position[item]; }
};

/// A batch on its way into a tower.
struct TowerBatch {
  at::Tensor x;          ///< float32 [items, tokens, width], contiguous
  at::Tensor positions;  ///< int64 [items], contiguous; undefined: all rows are wanted
  bool cut;              ///< whether rows behind an item's position are left out

  /// Whether of each item one row is wanted.
  bool pooled() const { return positions.defined(); }

  std::int64_t count() const { return x.size(0); }
  std::int64_t tokens() const { return x.size(1); }
  std::int64_t width() const { return x.size(2); }

  /// The items [begin, end).
  TowerItems items(std::int64_t begin, std::int64_t end) const;

  /// Copies their rows to `residual` [rows, width].
  void copy_rows(const TowerItems& items, std::int64_t begin, float* residual) const;
};

}  // namespace clipq
