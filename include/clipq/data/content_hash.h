#pragma once

#include "clipq/data/dataset.h"

namespace clipq {

/// What the first items of a data set are, whatever they are called.
struct ContentHash {
  std::string sha256;               ///< over pictures, labels and captions, in order
  std::vector<std::string> images;  ///< the image_hash of each item
};

/// Reads every picture of these items. Throws InputError.
ContentHash content_hash(const Dataset& dataset, const std::vector<std::int64_t>& items);

/// Of the first `count` items.
ContentHash content_hash(const Dataset& dataset, std::int64_t count);

}  // namespace clipq
