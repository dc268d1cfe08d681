#include "clipq/core/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "temporary_name.h"

namespace clipq {
namespace {

namespace fs = std::filesystem;

constexpr int kAttempts = 100;

InputError write_failure(const fs::path& target, int error) {
  return InputError(cat("cannot write ", target.string(), ": ", std::strerror(error),
                        error == ENOSPC || error == EFBIG || error == EDQUOT
                            ? "; free disk space, or write to another folder"
                            : "",
                        " (no file was left under that name)"));
}

bool has_name(int descriptor) {
  struct stat status {};
  return fstat(descriptor, &status) == 0 && status.st_nlink > 0;
}

/// Once per process and folder: listing a large one takes time.
void remove_abandoned_files_once(const fs::path& folder) {
  static std::mutex adding;
  static std::set<fs::path> seen;
  std::error_code failure;
  const fs::path whole = fs::absolute(folder, failure);
  {
    const std::lock_guard<std::mutex> guard(adding);
    if (failure || !seen.insert(whole).second) return;
  }
  remove_abandoned_files(folder);
}

}  // namespace

AtomicFile::AtomicFile(fs::path target, Temporary temporary) : target_(std::move(target)) {
  require_writable_target(target_);
  target_ = without_links(target_);
  remove_abandoned_files_once(folder_of(target_));
  if (temporary == Temporary::kNamed || !open_unnamed()) open_named();
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
  if (descriptor_ >= 0) close(descriptor_);
}

/// Returns whether the file system has unnamed files that can be given a name later.
bool AtomicFile::open_unnamed() {
#ifdef O_TMPFILE
  descriptor_ = open(folder_of(target_).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor_ < 0) return false;
  lock(descriptor_);
  if (access(cat("/proc/self/fd/", descriptor_).c_str(), F_OK) == 0) return true;
  close(std::exchange(descriptor_, -1));
#endif
  return false;
}

void AtomicFile::open_named() {
  const mode_t mask = umask(0);
  umask(mask);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string name = temporary_name(target_, kUnique);
    descriptor_ = mkostemp(name.data(), O_CLOEXEC);
    if (descriptor_ < 0) throw write_failure(target_, errno);
    // Between its creation and its lock, another process may have considered it abandoned.
    const bool lockable = lock(descriptor_) || errno != EWOULDBLOCK;
    if (lockable && has_name(descriptor_)) {
      temporary_ = name;
      fchmod(descriptor_, 0666 & ~mask);
      return;
    }
    close(std::exchange(descriptor_, -1));
  }
  throw write_failure(target_, EAGAIN);
}

/// Gives an unnamed file its name, via a temporary one if there is a file to replace.
void AtomicFile::link_to_name() {
  const std::string unnamed = cat("/proc/self/fd/", descriptor_);
  const auto link_to = [&](const fs::path& name) {
    return linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  if (link_to(target_)) return;
  std::random_device random;
  for (int attempt = 0; errno == EEXIST && attempt < kAttempts; ++attempt) {
    std::string unique = std::to_string(random() % 1000000);
    unique.insert(0, kUnique.size() - unique.size(), '0');
    const std::string name = temporary_name(target_, unique);
    if (!link_to(name)) continue;
    temporary_ = name;
    return;
  }
  throw write_failure(target_, errno);
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
  if (temporary_.empty()) link_to_name();
  if (!temporary_.empty()) {
    if (std::rename(temporary_.c_str(), target_.c_str()) != 0) throw write_failure(target_, errno);
    temporary_.clear();
  }
  close(std::exchange(descriptor_, -1));
}

void remove_abandoned_files(const fs::path& folder) {
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const fs::path& file = entry->path();
    if (!is_temporary(file)) continue;
    const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (lock(descriptor)) unlink(file.c_str());
    close(descriptor);
  }
}

}  // namespace clipq
