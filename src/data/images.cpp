#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "dataset_kinds.h"
#include "file_dataset.h"
#include "picture_files.h"

namespace clipq {
namespace {

class Images : public FileDataset {
 public:
  using FileDataset::FileDataset;
  std::string layout() const override { return "images"; }
};

}  // namespace

std::unique_ptr<Dataset> open_images(const DatasetSource& source) {
  require_folder(source.path, "image folder");
  std::vector<FileDataset::Item> items;
  for (std::string& name : pictures_in(source.path)) items.push_back({std::move(name), {}, {}});
  if (items.empty()) {
    throw InputError(cat(source.path.string(),
                         " has no images; expected .jpg, .png, .webp, "
                         ".bmp, .ppm or .tif files directly in it"));
  }
  return std::make_unique<Images>(source.spec, source.path, std::move(items));
}

}  // namespace clipq
