#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "dataset_kinds.h"
#include "file_dataset.h"

namespace clipq {
namespace {

class Images : public FileDataset {
 public:
  using FileDataset::FileDataset;
  std::string name() const override { return "images"; }
};

}  // namespace

std::unique_ptr<Dataset> open_images(const DatasetSource& source) {
  require_folder(source.path, "image folder");
  std::vector<FileDataset::Item> items;
  for (const auto& entry : std::filesystem::directory_iterator(source.path)) {
    if (entry.is_regular_file() && has_image_extension(entry.path())) {
      items.push_back({entry.path().filename().string(), {}, {}});
    }
  }
  if (items.empty()) {
    throw InputError(cat(source.path.string(),
                         " has no pictures; expected .jpg, .png, .webp, "
                         ".bmp, .ppm or .tif files directly in it"));
  }
  std::sort(items.begin(), items.end(),
            [](const auto& left, const auto& right) { return left.name < right.name; });
  return std::make_unique<Images>(source.spec, source.path, std::move(items));
}

}  // namespace clipq
