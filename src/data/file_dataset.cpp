#include "file_dataset.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "clipq/core/ascii.h"
#include "clipq/core/composed.h"
#include "clipq/core/error.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// The list of torchvision's ImageFolder, and two more that cameras and browsers use.
constexpr std::array<std::string_view, 11> kImageExtensions = {
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".gif", ".jfif"};

/// Finds files by names that are equal up to Unicode normalization.
class NamesOnDisk {
 public:
  std::optional<std::filesystem::path> find(const std::filesystem::path& file) {
    const std::filesystem::path folder = file.parent_path();
    auto listed = names_.find(folder);
    if (listed == names_.end()) listed = names_.emplace(folder, list(folder)).first;
    const auto found = listed->second.find(composed(file.filename().string()));
    if (found == listed->second.end()) return std::nullopt;
    return folder / found->second;
  }

 private:
  /// Names by their composed forms.
  using Names = std::map<std::string, std::string>;

  static Names list(const std::filesystem::path& folder) {
    Names names;
    std::error_code missing;
    for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_regular_file(missing)) names.emplace(composed(name), name);
    }
    return names;
  }

  std::map<std::filesystem::path, Names> names_;
};

}  // namespace

FileDataset::FileDataset(std::string spec, std::filesystem::path folder, std::vector<Item> items)
    : Dataset(std::move(spec)), folder_(std::move(folder)), items_(std::move(items)) {}

std::int64_t FileDataset::size() const { return static_cast<std::int64_t>(items_.size()); }

Image FileDataset::image_part(std::int64_t i, const NeededPixels& needed) const {
  return decode_image(folder_ / items_[i].name, needed);
}

std::string FileDataset::item_name(std::int64_t i) const { return items_[i].name; }

int FileDataset::label(std::int64_t i) const {
  return multi_label() || items_[i].labels.empty() ? -1 : items_[i].labels.front();
}

std::vector<int> FileDataset::labels(std::int64_t i) const { return items_[i].labels; }

const std::vector<std::string>& FileDataset::captions(std::int64_t i) const {
  return items_[i].captions;
}

std::string FileDataset::image_hash(std::int64_t i) const {
  return sha256_of_file(folder_ / items_[i].name);
}

bool has_image_extension(const std::filesystem::path& file) {
  const std::string extension = lower_case(file.extension().string());
  return std::find(kImageExtensions.begin(), kImageExtensions.end(), extension) !=
         kImageExtensions.end();
}

std::string first_names(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 3;
  const std::vector<std::string> first(names.begin(),
                                       names.begin() + std::min(kShown, names.size()));
  return join(first, ", ") + (names.size() > kShown ? ", …" : "");
}

void locate_images(std::vector<FileDataset::Item>& items, const DatasetSource& source) {
  std::vector<std::string> missing;
  NamesOnDisk on_disk;
  for (FileDataset::Item& item : items) {
    if (std::filesystem::is_regular_file(source.path / item.name)) continue;
    const auto found = on_disk.find(source.path / item.name);
    if (found) {
      item.name = found->lexically_relative(source.path).string();
    } else {
      missing.push_back(item.name);
    }
  }
  if (missing.empty()) return;
  throw InputError(cat(source.captions.string(), " has captions of images that are not in ",
                       source.path.string(), ": ", first_names(missing), " (", missing.size(),
                       " of ", items.size(), " are missing); pass the folder that the captions ",
                       "belong to, or a captions file for the images in the folder"));
}

}  // namespace clipq
