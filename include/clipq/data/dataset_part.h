#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "clipq/data/dataset.h"

namespace clipq {

/// Some items of another data set, which must outlive it, in any order.
class DatasetPart : public Dataset {
 public:
  /// @param items indices into `whole`
  DatasetPart(const Dataset& whole, std::vector<std::int64_t> items);

  std::int64_t size() const override { return static_cast<std::int64_t>(items_.size()); }
  Image image_part(std::int64_t i, const NeededPixels& needed) const override;
  std::string item_name(std::int64_t i) const override { return whole_.item_name(of_whole(i)); }
  std::string item_key(std::int64_t i) const override { return whole_.item_key(of_whole(i)); }
  int label(std::int64_t i) const override { return whole_.label(of_whole(i)); }
  std::vector<int> labels(std::int64_t i) const override { return whole_.labels(of_whole(i)); }
  bool multi_label() const override { return whole_.multi_label(); }
  const std::vector<std::string>& captions(std::int64_t i) const override;
  std::vector<std::string> class_keys() const override { return whole_.class_keys(); }
  bool class_keys_are_names() const override { return whole_.class_keys_are_names(); }
  std::vector<std::string> templates() const override { return whole_.templates(); }
  bool classes_are_folders() const override { return whole_.classes_are_folders(); }
  std::string layout() const override { return whole_.layout(); }
  std::string image_hash(std::int64_t i) const override { return whole_.image_hash(of_whole(i)); }

 private:
  std::int64_t of_whole(std::int64_t i) const { return items_[static_cast<std::size_t>(i)]; }

  const Dataset& whole_;
  std::vector<std::int64_t> items_;
};

/// Deals items out to two halves that have no picture in common, by content: which half a picture
/// is in depends on nothing but the pictures and the seed, not on their order or names.
/// @param images the image_hash of each item
/// @return ascending indices; if the number of different pictures is odd, the first half has one
///         more
std::array<std::vector<std::int64_t>, 2> halves_by_content(const std::vector<std::string>& images,
                                                           std::uint64_t seed);

/// A random sample of items, likewise by content: ascending indices, all if there are no more.
std::vector<std::int64_t> sample_by_content(const std::vector<std::string>& images,
                                            std::int64_t count, std::uint64_t seed);

}  // namespace clipq
