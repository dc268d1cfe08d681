#include <algorithm>
#include <map>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"
#include "dataset_kinds.h"
#include "file_dataset.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;
using Items = std::vector<FileDataset::Item>;

class Captioned : public FileDataset {
 public:
  Captioned(std::string spec, fs::path folder, Items items, std::string name)
      : FileDataset(std::move(spec), std::move(folder), std::move(items)), name_(std::move(name)) {}
  std::string layout() const override { return name_; }

 private:
  std::string name_;
};

/// CLIP_benchmark's key. Karpathy's files name their data set; others are COCO's unless a name
/// contains Flickr.
std::string captions_name(const Json& root, const DatasetSource& source) {
  const auto dataset = root.find("dataset");
  const std::string said = dataset != root.end() && dataset->is_string()
                               ? dataset->get<std::string>()
                               : cat(source.path.string(), " ", source.captions.string());
  for (const char* flickr : {"flickr30k", "flickr8k"}) {
    if (said.find(flickr) != std::string::npos) return flickr;
  }
  return "mscoco_captions";
}

/// Images with the categories of the objects in them.
class CocoObjects : public FileDataset {
 public:
  CocoObjects(std::string spec, fs::path folder, Items items, std::vector<std::string> categories)
      : FileDataset(std::move(spec), std::move(folder), std::move(items)),
        categories_(std::move(categories)) {}

  std::vector<std::string> class_keys() const override { return categories_; }
  bool multi_label() const override { return true; }
  std::string layout() const override { return "mscoco_objects"; }

 private:
  std::vector<std::string> categories_;
};

[[noreturn]] void throw_not_captions(const fs::path& file, const std::string& problem) {
  throw InputError(cat(file.string(), " is not a captions file: ", problem,
                       "; expected COCO's captions JSON (images[id, file_name], "
                       "annotations[image_id, caption]) or Karpathy's (images[filename, split, "
                       "sentences[raw]]); or COCO's instances (categories[id, name], "
                       "annotations[image_id, category_id])"));
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

/// The images of the official layout ordered by id, as in pycocotools; `add` is called with each
/// annotation of one of them, its place, and the image. Annotations of other images are ignored: a
/// list of a subset of the images may come with all annotations.
template <typename Add>
Items official_items(const Json& root, const fs::path& file, const Add& add) {
  std::map<std::int64_t, FileDataset::Item> by_id;
  std::size_t count = 0;
  for (const Json& image : list(root, "images", file)) {
    const std::string where = cat("images[", count++, "]");
    by_id[field<std::int64_t>(image, "id", file, where)].name =
        field<std::string>(image, "file_name", file, where);
  }
  count = 0;
  bool any_known = false;
  for (const Json& annotation : list(root, "annotations", file)) {
    const std::string where = cat("annotations[", count++, "]");
    const auto image = by_id.find(field<std::int64_t>(annotation, "image_id", file, where));
    if (image == by_id.end()) continue;
    any_known = true;
    add(annotation, where, image->second);
  }
  if (count > 0 && !any_known) {
    throw_not_captions(file,
                       cat("none of its ", count, " annotations belongs to one of \"images\""));
  }
  Items items;
  for (auto& [id, item] : by_id) items.push_back(std::move(item));
  return items;
}

Items caption_items(const Json& root, const fs::path& file) {
  return official_items(
      root, file, [&](const Json& annotation, const std::string& where, FileDataset::Item& item) {
        item.captions.push_back(field<std::string>(annotation, "caption", file, where));
      });
}

/// Categories ordered by id; images without objects are kept as negatives.
std::unique_ptr<Dataset> open_instances(const Json& root, const DatasetSource& source) {
  const fs::path& file = source.captions;
  std::map<std::int64_t, std::string> by_id;
  for (const Json& category : list(root, "categories", file)) {
    const std::string where = cat("categories[", by_id.size(), "]");
    by_id[field<std::int64_t>(category, "id", file, where)] =
        field<std::string>(category, "name", file, where);
  }
  std::map<std::int64_t, int> class_of;
  std::vector<std::string> names;
  for (const auto& [id, name] : by_id) {
    class_of[id] = static_cast<int>(names.size());
    names.push_back(name);
  }
  Items items = official_items(
      root, file, [&](const Json& annotation, const std::string& where, FileDataset::Item& item) {
        const auto id = field<std::int64_t>(annotation, "category_id", file, where);
        const auto found = class_of.find(id);
        if (found == class_of.end()) {
          throw_not_captions(file,
                             cat(where, " has category ", id, ", which is not in \"categories\""));
        }
        item.labels.push_back(found->second);
      });
  for (FileDataset::Item& item : items) {
    std::sort(item.labels.begin(), item.labels.end());
    item.labels.erase(std::unique(item.labels.begin(), item.labels.end()), item.labels.end());
  }
  locate_images(items, source);
  return std::make_unique<CocoObjects>(source.spec, source.path, std::move(items),
                                       std::move(names));
}

/// Karpathy's files are in the folder itself, or in `filepath` (val2014) below it.
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

}  // namespace

std::unique_ptr<Dataset> open_coco(const DatasetSource& source) {
  require_folder(source.path, "image folder");
  const Json root =
      parse_json(read_text(source.captions, "captions file"), source.captions.string());
  if (root.is_object() && root.contains("categories")) return open_instances(root, source);
  Items items = is_karpathy(root, source.captions)
                    ? karpathy_items(root, source.captions, source.path)
                    : caption_items(root, source.captions);
  std::erase_if(items, [](const FileDataset::Item& item) { return item.captions.empty(); });
  if (items.empty()) throw_not_captions(source.captions, "none of its images has a caption");
  locate_images(items, source);
  return std::make_unique<Captioned>(source.spec, source.path, std::move(items),
                                     captions_name(root, source));
}

}  // namespace clipq
