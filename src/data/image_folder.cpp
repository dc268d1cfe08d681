#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "dataset_kinds.h"
#include "file_dataset.h"
#include "picture_files.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

/// "n" and eight digits, as in ImageNet.
bool is_wnid(const std::string& name) {
  return name.size() == 9 && name[0] == 'n' &&
         std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

class ImageFolder : public FileDataset {
 public:
  ImageFolder(std::string spec, fs::path folder, std::vector<Item> items,
              std::vector<std::string> classes)
      : FileDataset(std::move(spec), std::move(folder), std::move(items)),
        classes_(std::move(classes)) {}

  std::vector<std::string> class_keys() const override { return classes_; }
  bool classes_are_folders() const override { return true; }

  std::string layout() const override {
    return std::all_of(classes_.begin(), classes_.end(), is_wnid) ? "imagenet1k" : "imagefolder";
  }

 private:
  std::vector<std::string> classes_;
};

/// Whether `folder` holds class folders; a folder of images is itself a class, whatever its name.
bool has_classes(const fs::path& folder) {
  return fs::is_directory(folder) && !folders_in(folder).empty() && pictures_in(folder).empty();
}

/// The folder that holds the class folders of a split.
fs::path split_folder(const DatasetSource& source) {
  const fs::path train = source.path / "train";
  const bool has_train = has_classes(train);
  if (source.split == Split::kTrain && !has_train) {
    require_folder(train, "folder of training images");
    throw InputError(cat(source.spec, " has no training split: ", train.string(), " has ",
                         pictures_in(train).size(), " images and no class folders, so it is ",
                         "itself a class; pass training data"),
                     {{Setting::kTrainData}});
  }
  if (source.split != Split::kTest && has_train) return train;
  if (has_classes(source.path / "val")) return source.path / "val";
  const fs::path test = source.path / "test";
  return has_train && has_classes(test) ? test : source.path;
}

}  // namespace

std::unique_ptr<Dataset> open_image_folder(const DatasetSource& source) {
  require_folder(source.path, "image folder");
  const fs::path root = split_folder(source);
  const std::vector<std::string> folders = folders_in(root);
  std::vector<std::string> classes;
  std::vector<std::string> empty;
  std::vector<FileDataset::Item> items;
  for (const std::string& folder : folders) {
    std::vector<std::string> names = pictures_below(root, folder);
    (names.empty() ? empty : classes).push_back(folder);
    for (std::string& name : names) {
      items.push_back({std::move(name), {static_cast<int>(classes.size()) - 1}, {}});
    }
  }
  if (items.empty()) {
    throw InputError(cat(root.string(), " has ", folders.size(), " class folders and no images ",
                         "in them; expected ", root.string(), "/<class>/*.jpg (or .png, …). ",
                         "Images without classes are opened as images:", root.string()));
  }
  auto dataset =
      std::make_unique<ImageFolder>(source.spec, root, std::move(items), std::move(classes));
  if (!empty.empty()) {
    dataset->warn(cat(source.spec, ": class folders without images skipped: ", empty.size(), " (",
                      first_names(empty), ")"));
  }
  return dataset;
}

}  // namespace clipq
