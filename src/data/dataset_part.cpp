#include "clipq/data/dataset_part.h"

#include <algorithm>
#include <map>
#include <utility>

#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// Items by pictures, in an order that depends on nothing but these and the seed.
using ShuffledItems = std::map<std::string, std::vector<std::int64_t>>;

ShuffledItems shuffled_by_content(const std::vector<std::string>& images, std::uint64_t seed) {
  ShuffledItems shuffled;
  for (std::size_t i = 0; i < images.size(); ++i) {
    shuffled[sha256_of(cat(seed, ":", images[i]))].push_back(static_cast<std::int64_t>(i));
  }
  return shuffled;
}

}  // namespace

DatasetPart::DatasetPart(const Dataset& whole, std::vector<std::int64_t> items)
    : Dataset(whole.spec()), whole_(whole), items_(std::move(items)) {
  set_name(whole.name());
  keep_warnings(whole);
}

Image DatasetPart::image_part(std::int64_t i, const NeededPixels& needed) const {
  return whole_.image_part(of_whole(i), needed);
}

const std::vector<std::string>& DatasetPart::captions(std::int64_t i) const {
  return whole_.captions(of_whole(i));
}

std::array<std::vector<std::int64_t>, 2> halves_by_content(const std::vector<std::string>& images,
                                                           std::uint64_t seed) {
  const ShuffledItems shuffled = shuffled_by_content(images, seed);
  std::vector<std::size_t> half_of(images.size());
  std::size_t dealt = 0;
  for (const auto& [key, items] : shuffled) {
    const std::size_t half = 2 * dealt++ < shuffled.size() ? 0 : 1;
    for (const std::int64_t item : items) half_of[static_cast<std::size_t>(item)] = half;
  }
  std::array<std::vector<std::int64_t>, 2> halves;
  for (std::size_t i = 0; i < images.size(); ++i) {
    halves[half_of[i]].push_back(static_cast<std::int64_t>(i));
  }
  return halves;
}

std::vector<std::int64_t> sample_by_content(const std::vector<std::string>& images,
                                            std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> sample;
  for (const auto& [key, items] : shuffled_by_content(images, seed)) {
    for (const std::int64_t item : items) {
      if (static_cast<std::int64_t>(sample.size()) < count) sample.push_back(item);
    }
  }
  std::sort(sample.begin(), sample.end());
  return sample;
}

}  // namespace clipq
