#pragma once

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/data/dataset.h"
#include "clipq/text/tokenizer.h"

namespace clipq::testing {

/// Merges that give the tiny model's vocabulary: none of its texts is ever tokenized here.
inline const Tokenizer& any_tokenizer() {
  static const Tokenizer tokenizer = Tokenizer::standard();
  return tokenizer;
}

/// Grey pictures; counts how often one is decoded. Those in `broken` can't be.
class Greys : public Dataset {
 public:
  explicit Greys(std::vector<std::int64_t> broken = {})
      : Dataset("greys:"), broken_(std::move(broken)) {}
  std::int64_t size() const override { return 10; }
  Image image_part(std::int64_t i, const NeededPixels& /*needed*/) const override {
    ++decoded;
    if (std::find(broken_.begin(), broken_.end(), i) != broken_.end()) {
      throw InputError(cat(item_name(i), " is truncated"));
    }
    return {16, 16, std::vector<std::uint8_t>(16 * 16 * 3, static_cast<std::uint8_t>(20 * i))};
  }
  std::string item_name(std::int64_t i) const override { return cat("grey", i, ".png"); }
  std::string layout() const override { return "greys"; }
  std::string image_hash(std::int64_t i) const override { return cat(i); }

  mutable std::atomic<int> decoded = 0;

 private:
  std::vector<std::int64_t> broken_;
};

}  // namespace clipq::testing
