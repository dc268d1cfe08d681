#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/numerics/outliers.h"

namespace clipq {

/// How far, and how often at the same place, the largest of an item's tokens and channels lie above
/// the others.
class OutlierCount {
 public:
  /// Takes in an item's values: float32 [..., channels], each row a token.
  void add(const at::Tensor& x);

  std::int64_t items() const { return items_; }

  /// {"tokens": side, "channels": side}, a side being {"ratio", "share", "places"}: the mean of the
  /// ratios, the share of items with an outlier, and the places where they are most often, each
  /// {"index", "share"} with the share of items that have one there.
  Json json() const;

 private:
  struct Side {
    double ratios = 0;
    std::int64_t with_outliers = 0;           ///< items
    std::map<std::int64_t, std::int64_t> at;  ///< items by index

    void add(const Outliers& outliers);
    Json json(std::int64_t items) const;
  };

  std::int64_t items_ = 0;
  Side tokens_;
  Side channels_;
};

}  // namespace clipq
