#include "clipq/eval/feature_rows.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/core/temporary_file.h"

namespace clipq {
namespace {

/// Null if the folder for temporary files has no room.
void* map_temporary_file(std::size_t bytes) {
  try {
    const TemporaryFile file;
    const int failure = posix_fallocate(file.descriptor(), 0, static_cast<off_t>(bytes));
    if (failure != 0) throw InputError(std::strerror(failure));
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor(), 0);
    if (data != MAP_FAILED) return data;
    throw InputError(std::strerror(errno));
  } catch (const InputError& failure) {
    log::warn(cat("features of ", bytes >> 20U,
                  " MiB stay in memory: they can't be put in a temporary file: ", failure.what(),
                  "; set TMPDIR to a folder with more room"));
    return nullptr;
  }
}

}  // namespace

at::Tensor feature_rows(std::int64_t rows, std::int64_t width, std::size_t most_in_memory) {
  const std::size_t bytes = static_cast<std::size_t>(rows * width) * sizeof(float);
  void* mapped = bytes <= most_in_memory ? nullptr : map_temporary_file(bytes);
  if (mapped == nullptr) return at::empty({rows, width}, at::kFloat);
  return at::from_blob(
      mapped, {rows, width}, [bytes](void* data) { munmap(data, bytes); },
      at::TensorOptions(at::kFloat));
}

}  // namespace clipq
