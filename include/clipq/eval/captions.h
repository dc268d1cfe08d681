#pragma once

#include <string>
#include <vector>

#include "clipq/data/dataset.h"

namespace clipq {

/// All captions of some items of a data set, one after the other.
struct Captions {
  std::vector<std::string> texts;
  std::vector<std::int64_t> image_of;  ///< of each text: the place of its image among the items
};

/// The captions of `items`, in order. Throws UsageError if the data set has none.
Captions captions_of(const Dataset& dataset, const std::vector<std::int64_t>& items);

}  // namespace clipq
