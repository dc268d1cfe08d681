#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace clipq {

/// A file's bytes, mapped: the system reads them when they are looked at, and may drop them again.
class MappedFile {
 public:
  /// Throws InputError if the file can't be read.
  explicit MappedFile(const std::filesystem::path& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace clipq
