#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "clipq/data/dataset.h"

namespace clipq {

/// What a spec says, taken apart.
struct DatasetSource {
  std::string spec;
  std::filesystem::path path;
  std::filesystem::path captions;
  Split split = Split::kTest;
};

std::unique_ptr<Dataset> open_cifar10(const DatasetSource& source);
std::unique_ptr<Dataset> open_cifar100(const DatasetSource& source);
std::unique_ptr<Dataset> open_image_folder(const DatasetSource& source);
std::unique_ptr<Dataset> open_coco(const DatasetSource& source);
std::unique_ptr<Dataset> open_flickr(const DatasetSource& source);
std::unique_ptr<Dataset> open_images(const DatasetSource& source);
std::unique_ptr<Dataset> open_web_dataset(const DatasetSource& source);

/// One shard of a WebDataset, as list_shards() names it; without its labels.
std::unique_ptr<Dataset> open_tar_shard(const std::string& shard);

}  // namespace clipq
