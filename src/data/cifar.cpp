#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"
#include "dataset_kinds.h"

namespace clipq {
namespace {

constexpr int kSide = 32;
constexpr std::size_t kPlane = std::size_t{kSide} * kSide;

/// One of the two binary layouts. A record is `label_bytes` labels, of which the last is the class,
/// then the red, green and blue planes.
struct Layout {
  const char* name;
  std::vector<std::string> test_files;
  std::vector<std::string> train_files;
  const char* names_file;
  std::size_t label_bytes;
  int classes;

  std::size_t record_bytes() const { return label_bytes + 3 * kPlane; }
};

Layout cifar10() {
  return {"cifar10",
          {"test_batch.bin"},
          {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
           "data_batch_5.bin"},
          "batches.meta.txt",
          1,
          10};
}

Layout cifar100() {
  return {"cifar100", {"test.bin"}, {"train.bin"}, "fine_label_names.txt", 2, 100};
}

/// Reports what is in the folder instead of the binary file.
[[noreturn]] void throw_no_records(const DatasetSource& source, const std::filesystem::path& file) {
  const auto exists = [&](const std::filesystem::path& name) {
    return std::filesystem::is_regular_file(source.path / name);
  };
  const std::string missing = cat("file ", file.string(), " does not exist");
  if (exists(file.stem()) && (exists("meta") || exists("batches.meta"))) {
    throw InputError(cat(missing, ", but ", source.path.string(), " holds Python's pickles (\"",
                         file.stem().string(), "\"), as torchvision downloads them; ",
                         "scripts/cifar_to_binary.py converts them to binary files"));
  }
  for (const std::filesystem::path& folder :
       {std::filesystem::path("cifar-100-binary"), std::filesystem::path("cifar-10-batches-bin")}) {
    if (exists(folder / file.filename())) {
      throw InputError(cat(missing, "; it is in ", (source.path / folder).string()));
    }
  }
  for (const char* folder : {"cifar-100-python", "cifar-10-batches-py"}) {
    if (exists(std::filesystem::path(folder) / file.stem())) {
      throw InputError(cat(
          missing, "; ", (source.path / folder).string(),
          " holds Python's pickles, which scripts/cifar_to_binary.py converts to binary files"));
    }
  }
  throw InputError(
      cat(missing, "; expected ", source.path.string(), " to hold CIFAR's binary ", "version"));
}

/// The files that a source names: its .bin file, or those of the split in its folder.
std::vector<std::filesystem::path> files_of(const DatasetSource& source, const Layout& layout) {
  if (source.path.extension() == ".bin") {
    if (source.split != Split::kTrain) return {source.path};
    throw UsageError(cat("\"", source.spec, "\" is one file, so the training split isn't known; ",
                         "pass the folder"));
  }
  require_folder(source.path, cat(layout.name, " folder"));
  std::vector<std::filesystem::path> files;
  for (const std::string& name :
       source.split == Split::kTest ? layout.test_files : layout.train_files) {
    files.push_back(source.path / name);
  }
  if (!std::filesystem::exists(files.front())) throw_no_records(source, files.front());
  return files;
}

class Cifar : public Dataset {
 public:
  Cifar(const DatasetSource& source, Layout layout)
      : Dataset(source.spec), layout_(std::move(layout)) {
    for (const std::filesystem::path& file : files_of(source, layout_)) read_records(file);
    read_class_names(files_.front().file.parent_path());
  }

  std::int64_t size() const override {
    return static_cast<std::int64_t>(bytes_.size() / layout_.record_bytes());
  }

  Image image_part(std::int64_t i, const NeededPixels& /*needed*/) const override {
    Image image{kSide, kSide, std::vector<std::uint8_t>(3 * kPlane)};
    const char* planes = record(i) + layout_.label_bytes;
    for (std::size_t channel = 0; channel < 3; ++channel) {
      for (std::size_t pixel = 0; pixel < kPlane; ++pixel) {
        image.rgb[3 * pixel + channel] =
            static_cast<std::uint8_t>(planes[channel * kPlane + pixel]);
      }
    }
    return image;
  }

  std::string item_name(std::int64_t i) const override {
    const auto next = std::find_if(files_.begin(), files_.end(),
                                   [i](const File& file) { return file.first_record > i; });
    const File& file = *std::prev(next);
    return cat(file.file.filename().string(), ":", i - file.first_record);
  }

  int label(std::int64_t i) const override {
    return static_cast<std::uint8_t>(record(i)[layout_.label_bytes - 1]);
  }

  std::vector<std::string> class_keys() const override { return class_names_; }

  std::string layout() const override { return layout_.name; }

  std::string image_hash(std::int64_t i) const override {
    Sha256 hash;
    hash.update(record(i) + layout_.label_bytes, 3 * kPlane);
    return hash.finish();
  }

 private:
  struct File {
    std::filesystem::path file;
    std::int64_t first_record;
  };

  const char* record(std::int64_t i) const { return bytes_.data() + i * layout_.record_bytes(); }

  void read_records(const std::filesystem::path& file) {
    require_file(file, cat(layout_.name, " file"));
    const std::string bytes = read_file(file);
    if (bytes.empty() || bytes.size() % layout_.record_bytes() != 0) {
      throw InputError(cat(file.string(), " is not a ", layout_.name, " binary file: got ",
                           bytes.size(), " bytes, expected a positive multiple of ",
                           layout_.record_bytes(), " (one record); download or unpack it again"));
    }
    const std::int64_t first = size();
    files_.push_back({file, first});
    bytes_ += bytes;
    for (std::int64_t i = first; i < size(); ++i) {
      if (label(i) < layout_.classes) continue;
      throw InputError(cat(file.string(), " is not a ", layout_.name, " binary file: record ",
                           i - first, " has label ", label(i), ", expected 0 to ",
                           layout_.classes - 1));
    }
  }

  /// The list is optional: without it the classes have no names.
  void read_class_names(const std::filesystem::path& folder) {
    const std::filesystem::path list = folder / layout_.names_file;
    if (!std::filesystem::exists(list)) return;
    class_names_ = read_lines(list, "list of class names");
    while (!class_names_.empty() && class_names_.back().empty()) class_names_.pop_back();
    if (class_names_.size() != static_cast<std::size_t>(layout_.classes)) {
      throw InputError(cat(list.string(), ": got ", class_names_.size(), " names, expected ",
                           layout_.classes, ", one per line"));
    }
  }

  Layout layout_;
  std::vector<File> files_;
  std::string bytes_;
  std::vector<std::string> class_names_;
};

}  // namespace

std::unique_ptr<Dataset> open_cifar10(const DatasetSource& source) {
  return std::make_unique<Cifar>(source, cifar10());
}

std::unique_ptr<Dataset> open_cifar100(const DatasetSource& source) {
  return std::make_unique<Cifar>(source, cifar100());
}

}  // namespace clipq
