#pragma once

#include <span>
#include <string>
#include <vector>

#include "clipq/data/dataset.h"
#include "clipq/library/embedder.h"
#include "clipq/library/quantize_checkpoint.h"

namespace clipq {

/// Images that a caller holds in memory, which must outlive it.
class MemoryDataset : public Dataset {
 public:
  /// Throws UsageError if an image's `rgb` isn't [height, width, 3].
  explicit MemoryDataset(std::span<const Image> images);
  explicit MemoryDataset(std::span<const EncodedImage> images);
  explicit MemoryDataset(std::span<const CalibrationItem> items);

  std::int64_t size() const override { return static_cast<std::int64_t>(entries_.size()); }
  Image image_part(std::int64_t i, const NeededPixels& needed) const override;
  std::string item_name(std::int64_t i) const override;
  const std::vector<std::string>& captions(std::int64_t i) const override;
  std::string layout() const override { return "memory"; }
  std::string image_hash(std::int64_t i) const override;

 private:
  struct Entry {
    const Image* image = nullptr;
    const EncodedImage* encoded = nullptr;  ///< if there is no image
    const std::vector<std::string>* captions = nullptr;
  };
  void add(const Image& image, const std::vector<std::string>* captions);
  const Entry& entry(std::int64_t i) const { return entries_[static_cast<std::size_t>(i)]; }

  std::vector<Entry> entries_;
};

}  // namespace clipq
