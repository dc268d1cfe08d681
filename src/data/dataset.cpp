#include "clipq/data/dataset.h"

#include "clipq/core/error.h"
#include "clipq/core/home.h"
#include "clipq/core/json.h"
#include "clipq/core/log.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "dataset_kinds.h"

namespace clipq {
namespace {

constexpr const char* kNameFile = "clipq_dataset.json";

struct Row {
  const char* name;
  const char* description;
  bool takes_captions;
  bool has_splits;
  std::unique_ptr<Dataset> (*open)(const DatasetSource&);
};

constexpr Row kRows[] = {
    {"cifar100", "CIFAR-100, binary layout: a folder with test.bin, or a .bin file", false, true,
     open_cifar100},
    {"cifar10", "CIFAR-10, binary layout: a folder with test_batch.bin, or a .bin file", false,
     true, open_cifar10},
    {"imagefolder", "one folder of images per class, below DIR/val (ImageNet), DIR/test or DIR",
     false, true, open_image_folder},
    {"coco", "images with captions in COCO's or Karpathy's JSON layout, or COCO's instances", true,
     false, open_coco},
    {"flickr", "images with captions in a text file with columns (CSV, Flickr's)", true, false,
     open_flickr},
    {"images", "the images of one folder, sorted by file name", false, false, open_images},
    {"wds", "WebDataset's tar shards: a pattern, a folder, a list, pipe:COMMAND or -", false, true,
     open_web_dataset},
};

const Row& row_of(const std::string& spec, const std::string& kind) {
  std::vector<std::string> names;
  for (const Row& row : kRows) {
    if (kind == row.name) return row;
    names.emplace_back(row.name);
  }
  throw UsageError(cat("unknown kind of data set \"", kind, "\" in \"", spec,
                       "\"; expected one of ", join(names, ", "), suggestion(kind, names)));
}

/// The data set's name from the name file next to it; empty if there is none.
std::string given_name(const std::filesystem::path& path, const std::filesystem::path& captions) {
  const std::filesystem::path of_data =
      std::filesystem::is_directory(path) ? path : path.parent_path();
  for (const std::filesystem::path& folder : {of_data, captions.parent_path()}) {
    const std::filesystem::path file = folder / kNameFile;
    if (!std::filesystem::is_regular_file(file)) continue;
    const Json json = read_json(file);
    require_known_keys(json, {"name", "comment"}, file.string());
    const auto name = json_value<std::string>(json, "name", "", file.string());
    if (!name.empty()) return name;
    throw UsageError(cat(file.string(), ": expected {\"name\": \"…\"}, the name of the data set"));
  }
  return {};
}

}  // namespace

void Dataset::warn(const std::string& warning) {
  log::warn(warning);
  warnings_.push_back(warning);
}

int Dataset::label(std::int64_t) const { return -1; }

std::vector<int> Dataset::labels(std::int64_t i) const {
  const int only = label(i);
  return only < 0 ? std::vector<int>() : std::vector<int>{only};
}

const std::vector<std::string>& Dataset::captions(std::int64_t) const {
  static const std::vector<std::string> none;
  return none;
}

std::vector<DatasetKind> dataset_kinds() {
  std::vector<DatasetKind> kinds;
  for (const Row& row : kRows) {
    kinds.push_back({row.name, row.description, row.takes_captions});
  }
  return kinds;
}

std::unique_ptr<Dataset> open_dataset(const std::string& spec,
                                      const std::filesystem::path& captions, Split split) {
  const std::size_t colon = spec.find(':');
  if (colon == std::string::npos || colon + 1 == spec.size()) {
    throw UsageError(cat("\"", spec, "\" is not a data set; expected KIND:PATH, for instance ",
                         "cifar100:data/cifar-100-binary"));
  }
  const Row& row = row_of(spec, spec.substr(0, colon));
  if (row.takes_captions && captions.empty()) {
    throw UsageError(cat("\"", spec, "\" needs a captions file"),
                     {{Setting::kCaptions}, {Setting::kCalibrationCaptions}});
  }
  if (!row.takes_captions && !captions.empty()) {
    throw UsageError(
        cat("\"", spec, "\" takes no captions, but ", captions.string(),
            " was given; images with captions are opened as coco:", spec.substr(colon + 1)));
  }
  if (split == Split::kTrain && !row.has_splits) {
    throw UsageError(cat("\"", spec,
                         "\" has no training split; expected cifar100:DIR, cifar10:DIR, ",
                         "imagefolder:DIR or wds:DIR"));
  }
  const std::filesystem::path path = expand_home(spec.substr(colon + 1));
  auto dataset = row.open({spec, path, captions, split});
  dataset->set_name(given_name(path, captions));
  return dataset;
}

}  // namespace clipq
