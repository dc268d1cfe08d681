#include <algorithm>
#include <map>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "dataset_kinds.h"
#include "file_dataset.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;
using Items = std::vector<FileDataset::Item>;

class Coco : public FileDataset {
 public:
  using FileDataset::FileDataset;
  std::string name() const override { return "mscoco_captions"; }
};

[[noreturn]] void throw_not_captions(const fs::path& file, const std::string& problem) {
  throw InputError(cat(file.string(), " is not a captions file: ", problem,
                       "; expected COCO's captions JSON (images[id, file_name], "
                       "annotations[image_id, caption]) or Karpathy's (images[filename, split, "
                       "sentences[raw]])"));
}

/// object[key] as T; `where` is the object's place in the file.
template <typename T>
T field(const Json& object, const char* key, const fs::path& file, const std::string& where) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end()) throw_not_captions(file, cat(where, " has no \"", key, "\""));
  try {
    return found->template get<T>();
  } catch (const Json::exception&) {
    throw_not_captions(file, cat(where, " has \"", key, "\": ", found->dump()));
  }
}

const Json& list(const Json& object, const char* key, const fs::path& file) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end() || !found->is_array()) {
    throw_not_captions(file, cat("it has no list \"", key, "\""));
  }
  return *found;
}

/// The images of the official layout in the order of their ids, as pycocotools gives them.
Items official_items(const Json& root, const fs::path& file) {
  std::map<std::int64_t, FileDataset::Item> by_id;
  std::size_t count = 0;
  for (const Json& image : list(root, "images", file)) {
    const std::string where = cat("images[", count++, "]");
    by_id[field<std::int64_t>(image, "id", file, where)].name =
        field<std::string>(image, "file_name", file, where);
  }
  count = 0;
  for (const Json& annotation : list(root, "annotations", file)) {
    const std::string where = cat("annotations[", count++, "]");
    const auto id = field<std::int64_t>(annotation, "image_id", file, where);
    const auto image = by_id.find(id);
    if (image == by_id.end()) {
      throw_not_captions(file, cat(where, " is of image ", id, ", which is not in \"images\""));
    }
    image->second.captions.push_back(field<std::string>(annotation, "caption", file, where));
  }
  Items items;
  for (auto& [id, item] : by_id) items.push_back(std::move(item));
  return items;
}

/// Karpathy's file names lie in the folder itself, or below `filepath` (val2014) in it.
std::string karpathy_name(const Json& image, const std::string& filename, const fs::path& folder) {
  const auto below = image.find("filepath");
  if (below == image.end() || !below->is_string() || fs::exists(folder / filename)) return filename;
  const fs::path nested = fs::path(below->get<std::string>()) / filename;
  return fs::exists(folder / nested) ? nested.string() : filename;
}

Items karpathy_items(const Json& root, const fs::path& file, const fs::path& folder) {
  const Json& images = list(root, "images", file);
  const auto is_test = [](const Json& image) {
    return image.is_object() && image.value("split", Json()) == "test";
  };
  const bool only_test = std::any_of(images.begin(), images.end(), is_test);
  Items items;
  std::size_t count = 0;
  for (const Json& image : images) {
    const std::string where = cat("images[", count++, "]");
    if (only_test && !is_test(image)) continue;
    FileDataset::Item item;
    item.name = karpathy_name(image, field<std::string>(image, "filename", file, where), folder);
    for (const Json& sentence : list(image, "sentences", file)) {
      item.captions.push_back(field<std::string>(sentence, "raw", file, where));
    }
    items.push_back(std::move(item));
  }
  return items;
}

bool is_karpathy(const Json& root, const fs::path& file) {
  const Json& images = list(root, "images", file);
  return !images.empty() && images.front().is_object() && images.front().contains("sentences");
}

void require_images(const Items& items, const DatasetSource& source) {
  std::vector<std::string> missing;
  for (const FileDataset::Item& item : items) {
    if (!fs::is_regular_file(source.path / item.name)) missing.push_back(item.name);
  }
  if (missing.empty()) return;
  throw InputError(cat(source.captions.string(), " has captions of pictures that are not in ",
                       source.path.string(), ": ", first_names(missing), " (", missing.size(),
                       " of ", items.size(), " are missing); give the folder that the captions ",
                       "belong to, or a captions file of the pictures that are there"));
}

}  // namespace

std::unique_ptr<Dataset> open_coco(const DatasetSource& source) {
  require_folder(source.path, "image folder");
  require_file(source.captions, "captions file");
  const Json root = read_json(source.captions);
  Items items = is_karpathy(root, source.captions)
                    ? karpathy_items(root, source.captions, source.path)
                    : official_items(root, source.captions);
  std::erase_if(items, [](const FileDataset::Item& item) { return item.captions.empty(); });
  if (items.empty()) throw_not_captions(source.captions, "no picture in it has a caption");
  require_images(items, source);
  return std::make_unique<Coco>(source.spec, source.path, std::move(items));
}

}  // namespace clipq
