#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "dataset_kinds.h"
#include "file_dataset.h"

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

  std::string name() const override {
    return std::all_of(classes_.begin(), classes_.end(), is_wnid) ? "imagenet1k" : "imagefolder";
  }

 private:
  std::vector<std::string> classes_;
};

bool is_hidden(const fs::path& path) { return starts_with(path.filename().string(), "."); }

std::vector<std::string> class_folders(const fs::path& root) {
  std::vector<std::string> classes;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.is_directory() && !is_hidden(entry)) {
      classes.push_back(entry.path().filename().string());
    }
  }
  std::sort(classes.begin(), classes.end());
  return classes;
}

/// The folder that holds the class folders of a split.
fs::path split_folder(const DatasetSource& source) {
  const fs::path train = source.path / "train";
  const bool has_train = fs::is_directory(train);
  if (source.split == Split::kTrain) require_folder(train, "folder of training images");
  if (source.split != Split::kTest && has_train) return train;
  if (fs::is_directory(source.path / "val")) return source.path / "val";
  const fs::path test = source.path / "test";
  return has_train && fs::is_directory(test) ? test : source.path;
}

/// The pictures of a class folder and of the folders in it, relative to `root`, sorted.
std::vector<std::string> pictures_of(const fs::path& root, const std::string& class_folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(
           root / class_folder, fs::directory_options::follow_directory_symlink)) {
    if (entry.is_regular_file() && has_image_extension(entry.path()) && !is_hidden(entry)) {
      names.push_back(entry.path().lexically_relative(root).string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::unique_ptr<Dataset> open_image_folder(const DatasetSource& source) {
  require_folder(source.path, "image folder");
  const fs::path root = split_folder(source);
  std::vector<std::string> classes = class_folders(root);
  std::vector<FileDataset::Item> items;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    for (std::string& name : pictures_of(root, classes[label])) {
      items.push_back({std::move(name), {static_cast<int>(label)}, {}});
    }
  }
  if (items.empty()) {
    throw InputError(cat(root.string(), " has ", classes.size(), " class folders and no pictures ",
                         "in them; expected ", root.string(), "/<class>/*.jpg (or .png, …). ",
                         "Pictures without classes are opened as images:", root.string()));
  }
  return std::make_unique<ImageFolder>(source.spec, root, std::move(items), std::move(classes));
}

}  // namespace clipq
