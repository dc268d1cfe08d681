#include <algorithm>
#include <map>

#include "caption_columns.h"
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

class Flickr : public FileDataset {
 public:
  using FileDataset::FileDataset;
  std::string layout() const override {
    return spec().find("8k") == std::string::npos ? "flickr30k" : "flickr8k";
  }
};

/// Content of a caption's field: a sentence, or a JSON list of sentences.
std::vector<std::string> sentences_of(const std::string& field) {
  if (!field.starts_with("[\"")) return {field};
  const Json list = Json::parse(field, nullptr, /*allow_exceptions=*/false);
  const bool strings =
      list.is_array() &&
      std::all_of(list.begin(), list.end(), [](const Json& each) { return each.is_string(); });
  return strings ? list.get<std::vector<std::string>>() : std::vector<std::string>{field};
}

/// Images in the order of their first captions.
/// @param empty the lines of captions without a word
std::vector<FileDataset::Item> items_of(const std::vector<CaptionRow>& rows,
                                        std::vector<std::string>& empty) {
  const bool only_test = std::any_of(rows.begin(), rows.end(),
                                     [](const CaptionRow& row) { return row.split == "test"; });
  std::vector<FileDataset::Item> items;
  std::map<std::string, std::size_t> place;
  for (const CaptionRow& row : rows) {
    if (only_test && row.split != "test") continue;
    if (row.caption.empty()) {
      empty.push_back(cat(row.line));
      continue;
    }
    const auto [found, is_new] = place.emplace(row.image, items.size());
    if (is_new) items.push_back({row.image, {}, {}});
    for (std::string& sentence : sentences_of(row.caption)) {
      items[found->second].captions.push_back(std::move(sentence));
    }
  }
  return items;
}

}  // namespace

std::unique_ptr<Dataset> open_flickr(const DatasetSource& source) {
  require_folder(source.path, "image folder");
  const std::string file = source.captions.string();
  std::vector<std::string> empty;
  std::vector<FileDataset::Item> items =
      items_of(caption_rows(read_text(source.captions, "captions file"), file), empty);
  if (items.empty()) throw InputError(cat(file, ": none of its images has a caption"));
  locate_images(items, source);
  auto dataset = std::make_unique<Flickr>(source.spec, source.path, std::move(items));
  if (!empty.empty()) {
    dataset->warn(
        cat(file, ": empty captions skipped: ", empty.size(), " (line ", first_names(empty), ")"));
  }
  return dataset;
}

}  // namespace clipq
