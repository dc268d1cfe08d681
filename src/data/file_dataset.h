#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clipq/data/dataset.h"
#include "dataset_kinds.h"

namespace clipq {

/// A data set whose items are image files below one folder.
class FileDataset : public Dataset {
 public:
  /// One image; `name` is its path relative to the folder.
  struct Item {
    std::string name;
    std::vector<int> labels;
    std::vector<std::string> captions;
  };

  FileDataset(std::string spec, std::filesystem::path folder, std::vector<Item> items);

  std::int64_t size() const override;
  Image image_part(std::int64_t i, const NeededPixels& needed) const override;
  std::string item_name(std::int64_t i) const override;
  int label(std::int64_t i) const override;
  const std::vector<std::string>& captions(std::int64_t i) const override;
  std::vector<int> labels(std::int64_t i) const override;
  std::string image_hash(std::int64_t i) const override;

 private:
  std::filesystem::path folder_;
  std::vector<Item> items_;
};

/// Gives items the names that their images have in the source's folder, which may use a different
/// Unicode normalization form (macOS). Throws InputError that names the missing ones.
void locate_images(std::vector<FileDataset::Item>& items, const DatasetSource& source);

/// Whether the file has an image extension (".jpg", ".PNG", …).
bool has_image_extension(const std::filesystem::path& file);

/// "a, b, c" or "a, b, c, …": the first three of `names`.
std::string first_names(const std::vector<std::string>& names);

}  // namespace clipq
