#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/data/dataset.h"
#include "clipq/data/loader.h"

namespace clipq {

/// Items of a data set whose images can't be decoded.
struct Undecodable {
  std::vector<std::string> names;
  std::string first_reason;

  /// Records one more.
  void add(const std::string& name, const std::string& reason);

  /// Throws InputError that names them, out of `items`, if there are more than `allowed`.
  void require_at_most(std::int64_t allowed, const Dataset& dataset, std::int64_t items) const;
};

/// Which of the first `count` items can be decoded, and which can't.
struct DecodableItems {
  std::vector<std::int64_t> items;
  Undecodable bad;
};

/// Decodes the first `count` items in `threads` threads. Throws InputError if more than `allowed`
/// of them can't be decoded, or none can.
DecodableItems decodable_items(const Dataset& dataset, std::int64_t count, std::int64_t allowed,
                               int threads);

}  // namespace clipq
