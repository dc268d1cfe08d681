#include "memory_dataset.h"

#include <string_view>

#include "clipq/core/error.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kSpec = "images in memory";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string name_of_image(std::int64_t i) { return cat("image ", i); }

void require_pixels(const Image& image, std::int64_t i) {
  const bool positive = image.height > 0 && image.width > 0;
  const std::size_t expected = positive ? std::size_t{3} * image.height * image.width : 0;
  if (positive && image.rgb.size() == expected) return;
  throw UsageError(cat(name_of_image(i), " is ", image.width, " x ", image.height, " and has ",
                       image.rgb.size(), " bytes; expected ",
                       positive ? cat(expected, ", [height, width, 3]") : "a positive size"));
}

}  // namespace

MemoryDataset::MemoryDataset(std::span<const Image> images) : Dataset(kSpec) {
  for (const Image& image : images) add(image, nullptr);
}

MemoryDataset::MemoryDataset(std::span<const EncodedImage> images) : Dataset(kSpec) {
  for (const EncodedImage& image : images) entries_.push_back({.encoded = &image});
}

MemoryDataset::MemoryDataset(std::span<const CalibrationItem> items) : Dataset(kSpec) {
  for (const CalibrationItem& item : items) add(item.image, &item.captions);
}

void MemoryDataset::add(const Image& image, const std::vector<std::string>* captions) {
  require_pixels(image, size());
  entries_.push_back({.image = &image, .captions = captions});
}

Image MemoryDataset::image_part(std::int64_t i, const NeededPixels& needed) const {
  const Entry& entry = this->entry(i);
  if (entry.image != nullptr) return *entry.image;
  return decode_image(entry.encoded->bytes, item_name(i), needed);
}

std::string MemoryDataset::item_name(std::int64_t i) const {
  const Entry& entry = this->entry(i);
  return entry.encoded != nullptr ? entry.encoded->name : name_of_image(i);
}

const std::vector<std::string>& MemoryDataset::captions(std::int64_t i) const {
  const Entry& entry = this->entry(i);
  return entry.captions != nullptr ? *entry.captions : Dataset::captions(i);
}

std::string MemoryDataset::image_hash(std::int64_t i) const {
  const Entry& entry = this->entry(i);
  if (entry.encoded != nullptr) return sha256_of(text_of(entry.encoded->bytes));
  Sha256 hash;
  hash.update(&entry.image->height, sizeof entry.image->height);
  hash.update(&entry.image->width, sizeof entry.image->width);
  hash.update(entry.image->rgb.data(), entry.image->rgb.size());
  return hash.finish();
}

}  // namespace clipq
