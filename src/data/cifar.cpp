#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "dataset_kinds.h"

namespace clipq {
namespace {

constexpr int kSide = 32;
constexpr std::size_t kPlane = std::size_t{kSide} * kSide;

/// One of the two binary layouts. A record is `label_bytes` labels, of which the last is the class,
/// then the red, green and blue planes.
struct Layout {
  const char* name;
  const char* default_file;
  const char* names_file;
  std::size_t label_bytes;
  int classes;

  std::size_t record_bytes() const { return label_bytes + 3 * kPlane; }
};

constexpr Layout kCifar10{"cifar10", "test_batch.bin", "batches.meta.txt", 1, 10};
constexpr Layout kCifar100{"cifar100", "test.bin", "fine_label_names.txt", 2, 100};

class Cifar : public Dataset {
 public:
  Cifar(const DatasetSource& source, const Layout& layout)
      : Dataset(source.spec), layout_(layout), file_(source.path) {
    if (file_.extension() != ".bin") {
      require_folder(file_, cat(layout.name, " folder"));
      file_ /= layout.default_file;
    }
    require_file(file_, cat(layout.name, " file"));
    bytes_ = read_file(file_);
    require_whole_records();
    require_valid_labels();
    read_class_names();
  }

  std::int64_t size() const override {
    return static_cast<std::int64_t>(bytes_.size() / layout_.record_bytes());
  }

  Image image(std::int64_t i) const override {
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
    return cat(file_.filename().string(), ":", i);
  }

  int label(std::int64_t i) const override {
    return static_cast<std::uint8_t>(record(i)[layout_.label_bytes - 1]);
  }

  std::vector<std::string> class_keys() const override { return class_names_; }

  std::string name() const override { return layout_.name; }

  std::string content_hash() const override {
    Sha256 hash;
    hash.update(bytes_);
    return hash.finish();
  }

 private:
  const char* record(std::int64_t i) const { return bytes_.data() + i * layout_.record_bytes(); }

  void require_whole_records() const {
    if (!bytes_.empty() && bytes_.size() % layout_.record_bytes() == 0) return;
    throw InputError(cat(file_.string(), " is not a ", layout_.name, " binary file: got ",
                         bytes_.size(), " bytes, expected a positive multiple of ",
                         layout_.record_bytes(), " (one record); fetch or unpack it again"));
  }

  void require_valid_labels() const {
    for (std::int64_t i = 0; i < size(); ++i) {
      if (label(i) < layout_.classes) continue;
      throw InputError(cat(file_.string(), " is not a ", layout_.name, " binary file: record ", i,
                           " has label ", label(i), ", expected 0 to ", layout_.classes - 1));
    }
  }

  /// The list is optional: without it the classes have no names.
  void read_class_names() {
    const std::filesystem::path list = file_.parent_path() / layout_.names_file;
    if (!std::filesystem::exists(list)) return;
    class_names_ = read_lines(list);
    while (!class_names_.empty() && class_names_.back().empty()) class_names_.pop_back();
    if (class_names_.size() != static_cast<std::size_t>(layout_.classes)) {
      throw InputError(cat(list.string(), ": got ", class_names_.size(), " names, expected ",
                           layout_.classes, ", one a line"));
    }
  }

  Layout layout_;
  std::filesystem::path file_;
  std::string bytes_;
  std::vector<std::string> class_names_;
};

}  // namespace

std::unique_ptr<Dataset> open_cifar10(const DatasetSource& source) {
  return std::make_unique<Cifar>(source, kCifar10);
}

std::unique_ptr<Dataset> open_cifar100(const DatasetSource& source) {
  return std::make_unique<Cifar>(source, kCifar100);
}

}  // namespace clipq
