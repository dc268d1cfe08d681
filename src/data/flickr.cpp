#include <algorithm>
#include <map>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "dataset_kinds.h"
#include "file_dataset.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

class Flickr : public FileDataset {
 public:
  using FileDataset::FileDataset;
  std::string name() const override {
    return spec().find("8k") == std::string::npos ? "flickr30k" : "flickr8k";
  }
};

[[noreturn]] void throw_not_captions(const fs::path& file, std::size_t line,
                                     const std::string& got) {
  throw InputError(cat(file.string(), ":", line, ": got \"", got,
                       "\", expected \"name.jpg,caption\" ",
                       "behind a header line; a JSON file is opened as coco:"));
}

/// A caption without the quotes around it, doubled ones in it made single, as CSV has them.
std::string unquoted(const std::string& text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return text;
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '"' && text[i + 1] == '"') ++i;
    out.push_back(text[i]);
  }
  return out;
}

/// Pictures in the order of their first captions.
std::vector<FileDataset::Item> read_items(const fs::path& file) {
  const std::vector<std::string> lines = read_lines(file);
  std::vector<FileDataset::Item> items;
  std::map<std::string, std::size_t> place;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const std::size_t comma = lines[i].find(',');
    const fs::path name = lines[i].substr(0, comma);
    if (comma == std::string::npos || !has_image_extension(name)) {
      throw_not_captions(file, i + 1, lines[i]);
    }
    const auto [found, is_new] = place.emplace(name.string(), items.size());
    if (is_new) items.push_back({name.string(), {}, {}});
    items[found->second].captions.push_back(unquoted(lines[i].substr(comma + 1)));
  }
  if (items.empty()) throw InputError(cat(file.string(), ": no picture in it has a caption"));
  return items;
}

}  // namespace

std::unique_ptr<Dataset> open_flickr(const DatasetSource& source) {
  require_folder(source.path, "image folder");
  require_file(source.captions, "captions file");
  std::vector<FileDataset::Item> items = read_items(source.captions);
  require_images(items, source);
  return std::make_unique<Flickr>(source.spec, source.path, std::move(items));
}

}  // namespace clipq
