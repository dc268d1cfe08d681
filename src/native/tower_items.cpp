#include "tower_items.h"

#include <algorithm>

namespace clipq {

void TowerItems::add(std::int64_t rows, std::int64_t pooled_row) {
  first_row.push_back(first_row.back() + rows);
  position.push_back(pooled_row);
}

TowerItems TowerBatch::items(std::int64_t begin, std::int64_t end) const {
  TowerItems items;
  for (std::int64_t item = begin; item < end; ++item) {
    const std::int64_t position = pooled() ? positions.const_data_ptr<std::int64_t>()[item] : 0;
    items.add(cut ? position + 1 : tokens(), position);
  }
  return items;
}

void TowerBatch::copy_rows(const TowerItems& items, std::int64_t begin, float* residual) const {
  for (std::int64_t item = 0; item < items.count(); ++item) {
    std::copy_n(x.const_data_ptr<float>() + (begin + item) * tokens() * width(),
                items.length(item) * width(), residual + items.first_row[item] * width());
  }
}

}  // namespace clipq
