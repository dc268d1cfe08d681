#include "clipq/core/files.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "clipq/core/atomic_file.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

/// As many as Linux follows before it considers a chain of links endless.
constexpr int kMostLinks = 40;

}  // namespace

std::string read_file(const fs::path& file) {
  require_file(file, "file");
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (fs::file_size(file) > 0) text << in.rdbuf();
  if (!in || !text) throw InputError(cat("cannot read ", file.string()));
  return std::move(text).str();
}

void require_file(const fs::path& file, const std::string& what) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    throw InputError(cat(what, " ", file.string(), " does not exist"));
  }
  if (!fs::is_regular_file(file, ignored)) {
    throw InputError(cat(what, " ", file.string(), " is not a regular file"));
  }
  if (access(file.c_str(), R_OK) != 0) {
    throw InputError(cat(what, " ", file.string(), " cannot be read: ", std::strerror(errno)));
  }
}

void require_folder(const fs::path& folder, const std::string& what) {
  std::error_code ignored;
  if (!fs::exists(folder, ignored)) {
    throw InputError(cat(what, " ", folder.string(), " does not exist"));
  }
  if (!fs::is_directory(folder, ignored)) {
    throw InputError(cat(what, " ", folder.string(), " is not a folder"));
  }
  if (access(folder.c_str(), R_OK | X_OK) != 0) {
    throw InputError(cat(what, " ", folder.string(), " cannot be read: ", std::strerror(errno)));
  }
}

void make_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) {
    throw InputError(cat("cannot create the folder ", folder.string(), ": ", failure.message(),
                         "; choose another folder"));
  }
}

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

fs::path without_links(const fs::path& file) {
  fs::path target = file;
  std::error_code failure;
  for (int links = 0; fs::is_symlink(target, failure); ++links) {
    const fs::path next = fs::read_symlink(target, failure);
    if (failure || links == kMostLinks) {
      throw InputError(cat("output ", file.string(), " is a broken symbolic link: ",
                           failure ? failure.message() : "it is part of a cycle",
                           "; remove it or choose another name"));
    }
    target = folder_of(target) / next;
  }
  return target;
}

void require_writable_target(const fs::path& named) {
  const fs::path file = without_links(named);
  const fs::path folder = folder_of(file);
  require_folder(folder, "output folder");
  if (access(folder.c_str(), W_OK) != 0) {
    throw InputError(
        cat("output folder ", folder.string(), " is not writable: ", std::strerror(errno)));
  }
  std::error_code ignored;
  if (fs::exists(file, ignored) && !fs::is_regular_file(file, ignored)) {
    throw InputError(cat("output ", file.string(), " is a ",
                         fs::is_directory(file, ignored) ? "folder" : "device",
                         "; expected the name of a regular file"));
  }
}

std::string describe(const fs::filesystem_error& failure) {
  std::string paths = failure.path1().string();
  if (!failure.path2().empty()) paths += cat(" and ", failure.path2().string());
  return cat(paths.empty() ? "a file" : paths, " can't be used: ", failure.code().message());
}

void write_file(const fs::path& file, std::string_view text) {
  AtomicFile out(file);
  out.write(text);
  out.commit();
}

}  // namespace clipq
