#include "clipq/core/temporary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "temporary_name.h"

namespace clipq {
namespace {

std::filesystem::path folder() {
  std::error_code failure;
  const std::filesystem::path path = std::filesystem::temp_directory_path(failure);
  if (!failure) return path;
  throw InputError(
      cat("no folder for temporary files: TMPDIR is not a folder: ", failure.message()));
}

[[noreturn]] void throw_cannot_write() {
  const int reason = errno;
  const bool is_full = reason == ENOSPC || reason == EDQUOT;
  throw InputError(cat("cannot write a temporary file in ", folder().string(), ": ",
                       std::strerror(reason),
                       is_full ? "; set TMPDIR to a folder with more room" : ""));
}

}  // namespace

TemporaryFile::TemporaryFile() {
  std::string name = (folder() / cat("clipq-", kUnique)).string();
  descriptor_ = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) throw_cannot_write();
  unlink(name.c_str());
}

TemporaryFile::~TemporaryFile() { close(descriptor_); }

void TemporaryFile::append(const void* data, std::size_t bytes) {
  const auto* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = pwrite(descriptor_, at, bytes, size_);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw_cannot_write();
    at += written;
    bytes -= static_cast<std::size_t>(written);
    size_ += written;
  }
}

}  // namespace clipq
