#include "picture_files.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "file_dataset.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

/// Folders of macOS archives, Synology, Windows and file systems.
constexpr std::array<std::string_view, 6> kForeign = {
    "__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found"};

std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::error_code failure;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    if (!is_passed_over(entry->path())) entries.push_back(*entry);
  }
  if (failure) {
    throw InputError(cat("folder ", folder.string(), " cannot be read: ", failure.message()));
  }
  return entries;
}

bool is_folder(const fs::directory_entry& entry) {
  std::error_code broken_link;
  return entry.is_directory(broken_link);
}

bool is_picture(const fs::directory_entry& entry) {
  std::error_code broken_link;
  return entry.is_regular_file(broken_link) && has_image_extension(entry.path());
}

/// @param above the folders that `folder` lies in, links resolved
void gather(const fs::path& root, const fs::path& folder, std::vector<fs::path>& above,
            std::vector<std::string>& names) {
  const fs::path resolved = fs::canonical(folder);
  if (std::find(above.begin(), above.end(), resolved) != above.end()) return;
  above.push_back(resolved);
  for (const fs::directory_entry& entry : entries_of(folder)) {
    if (is_folder(entry)) gather(root, entry.path(), above, names);
    if (is_picture(entry)) names.push_back(entry.path().lexically_relative(root).string());
  }
  above.pop_back();
}

}  // namespace

bool is_passed_over(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with(".") ||
         std::find(kForeign.begin(), kForeign.end(), name) != kForeign.end();
}

std::vector<std::string> folders_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : entries_of(folder)) {
    if (is_folder(entry)) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> pictures_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : entries_of(folder)) {
    if (is_picture(entry)) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> pictures_below(const fs::path& root, const fs::path& below) {
  std::vector<fs::path> above = {fs::canonical(root)};
  std::vector<std::string> names;
  gather(root, root / below, above, names);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace clipq
