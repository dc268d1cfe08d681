#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clipq/data/image.h"

namespace clipq {

/// A list of pictures with what is known about each. All methods may be called from several threads
/// at once; `i` is in [0, size()).
class Dataset {
 public:
  /// @param spec what the user gave to open it, for messages and Results
  explicit Dataset(std::string spec) : spec_(std::move(spec)) {}
  virtual ~Dataset() = default;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;

  virtual std::int64_t size() const = 0;

  /// Decodes item i. Throws InputError that names the file.
  Image image(std::int64_t i) const { return image_part(i, {}); }

  /// The same, of which only the needed pixels are guaranteed to be decoded: faster for large JPEG
  /// files.
  virtual Image image_part(std::int64_t i, const NeededPixels& needed) const = 0;

  /// What a message or a row of a table calls item i: "test.bin:17", "n01440764/x.JPEG".
  virtual std::string item_name(std::int64_t i) const = 0;

  /// What tells item i from the others of its shard: its key, else its name.
  virtual std::string item_key(std::int64_t i) const { return item_name(i); }

  /// The class of item i, an index into class_keys(); -1 if the data set has no classes or items
  /// have several.
  virtual int label(std::int64_t i) const;

  /// The classes of item i, in ascending order: of a multi-label data set any number of them, else
  /// {label(i)} or none.
  virtual std::vector<int> labels(std::int64_t i) const;

  /// Whether items have any number of classes each.
  virtual bool multi_label() const { return false; }

  /// The captions of item i; empty if the data set has none.
  virtual const std::vector<std::string>& captions(std::int64_t i) const;

  /// One key a class, in label order: names from the data set's own list (CIFAR, with its
  /// underscores) or folder names (wnids); empty if there are no classes or no names.
  virtual std::vector<std::string> class_keys() const { return {}; }

  /// Whether prompts have class_keys() as they are; else underscores in them stand for spaces.
  virtual bool class_keys_are_names() const { return false; }

  /// Prompt templates that come with the data, with "{c}" for the class; empty if there are none.
  virtual std::vector<std::string> templates() const { return {}; }

  /// Whether classes are numbered only because their folders' names are sorted.
  virtual bool classes_are_folders() const { return false; }

  /// CLIP_benchmark's key of what usually lies in this layout ("cifar100", "cifar10", "imagenet1k",
  /// "mscoco_captions"), or the kind. Templates and class names are looked up by it.
  virtual std::string layout() const = 0;

  /// What Results call it: what its clipq_dataset.json says, else layout().
  std::string name() const { return name_.empty() ? layout() : name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  /// SHA-256 of item i's picture as it is stored: of a file's bytes, of a CIFAR record's pixels.
  /// Throws InputError if the file can't be read.
  virtual std::string image_hash(std::int64_t i) const = 0;

  const std::string& spec() const { return spec_; }

  /// Logs what users should know of the data, and keeps it for Results.
  void warn(const std::string& warning);
  const std::vector<std::string>& warnings() const { return warnings_; }

 protected:
  /// Those of another one, which have been logged.
  void keep_warnings(const Dataset& other) { warnings_ = other.warnings_; }

 private:
  std::string spec_;
  std::string name_;  ///< empty: none was given
  std::vector<std::string> warnings_;
};

/// A word that `open_dataset` accepts before the colon, and what it opens.
struct DatasetKind {
  std::string name;
  std::string description;
  bool takes_captions = false;  ///< whether it needs a captions file
};

/// All kinds, in the order in which `clipq list datasets` shows them.
std::vector<DatasetKind> dataset_kinds();

/// Which part of a data set that has both.
enum class Split {
  kTest,
  kTrain,
  kTrainOrAll  ///< the training part where there is one, else what kTest takes
};

/// Opens `kind:path` (docs/data-formats.md). `captions` is a COCO or Karpathy JSON file; `coco`
/// needs it, the others take none. Of a Karpathy file the images of the split "test" are taken, or
/// all if it has none. An instances file of COCO in its place makes a multi-label data set of its
/// categories.
/// @param split the training part is CIFAR's train.bin or data_batch_1 to 5.bin, or the class
///        folders below DIR/train; the test part of class folders is DIR/val, else DIR/test beside
///        DIR/train, else DIR itself
/// A path that begins with "~/" is in the home folder. A file clipq_dataset.json, {"name": …}, in
/// the folder of the data or of the captions says what they are called.
/// Throws UsageError if the spec's syntax or kind is wrong or captions are missing or not wanted,
/// InputError if the data are missing or not what they should be.
std::unique_ptr<Dataset> open_dataset(const std::string& spec,
                                      const std::filesystem::path& captions = {},
                                      Split split = Split::kTest);

}  // namespace clipq
