#include "clipq/core/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

/// What ends a temporary name; mkstemp makes the second part unique.
constexpr std::string_view kTemporary = ".clipq-";
constexpr std::string_view kUnique = "XXXXXX";

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

InputError write_failure(const fs::path& target, int error) {
  return InputError(cat("cannot write ", target.string(), ": ", std::strerror(error),
                        error == ENOSPC || error == EFBIG || error == EDQUOT
                            ? "; free some space or choose another folder with -o"
                            : "",
                        " (nothing was left under that name)"));
}

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
    throw InputError(cat("cannot make the folder ", folder.string(), ": ", failure.message(),
                         "; choose another folder"));
  }
}

void require_writable_target(const fs::path& file) {
  const fs::path folder = folder_of(file);
  require_folder(folder, "output folder");
  if (access(folder.c_str(), W_OK) != 0) {
    throw InputError(
        cat("output folder ", folder.string(), " cannot be written to: ", std::strerror(errno)));
  }
  std::error_code ignored;
  if (fs::exists(file, ignored) && !fs::is_regular_file(file, ignored)) {
    throw InputError(cat("output ", file.string(), " is a ",
                         fs::is_directory(file, ignored) ? "folder" : "device",
                         "; expected the name of a regular file"));
  }
}

AtomicFile::AtomicFile(fs::path target) : target_(std::move(target)) {
  require_writable_target(target_);
  if (fs::is_symlink(target_)) target_ = fs::canonical(target_);
  std::string name =
      (folder_of(target_) / cat(".", target_.filename().string(), kTemporary, kUnique)).string();
  descriptor_ = mkstemp(name.data());
  if (descriptor_ < 0) throw write_failure(target_, errno);
  temporary_ = name;
  const mode_t mask = umask(0);
  umask(mask);
  fchmod(descriptor_, 0666 & ~mask);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::try_write(const void* data, std::size_t bytes) noexcept {
  const char* at = static_cast<const char*>(data);
  while (bytes > 0 && failure_ == 0) {
    const ssize_t written = ::write(descriptor_, at, bytes);
    if (written < 0) {
      if (errno != EINTR) failure_ = errno;
      continue;
    }
    at += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::throw_failure() const {
  if (failure_ != 0) throw write_failure(target_, failure_);
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  try_write(data, bytes);
  throw_failure();
}

void AtomicFile::commit() {
  throw_failure();
  if (fsync(descriptor_) != 0) throw write_failure(target_, errno);
  const int closed = close(std::exchange(descriptor_, -1));
  if (closed != 0) throw write_failure(target_, errno);
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) throw write_failure(target_, errno);
  temporary_.clear();
}

bool is_unfinished(const fs::path& file) {
  const std::string name = file.filename().string();
  const std::size_t length = kTemporary.size() + kUnique.size();
  return name.size() > length && name.front() == '.' &&
         name.compare(name.size() - length, kTemporary.size(), kTemporary) == 0;
}

void write_file(const fs::path& file, std::string_view text) {
  AtomicFile out(file);
  out.write(text);
  out.commit();
}

}  // namespace clipq
