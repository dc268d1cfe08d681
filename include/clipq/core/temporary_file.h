#pragma once

#include <cstddef>
#include <cstdint>

namespace clipq {

/// A file without a name in the folder for temporary files (TMPDIR): it is gone when the process
/// ends, however it does.
class TemporaryFile {
 public:
  /// Throws InputError if it can't be made.
  TemporaryFile();
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  /// Throws InputError if the disk is full.
  void append(const void* data, std::size_t bytes);

  std::int64_t size() const { return size_; }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  std::int64_t size_ = 0;
};

}  // namespace clipq
