#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clipq/core/zip_archive.h"

namespace clipq {

/// More than any tensor of a CLIP has.
inline constexpr std::size_t kMostDimensions = 8;

/// Where a container keeps the numbers of its tensors: storages by name.
class StorageFile {
 public:
  virtual ~StorageFile() = default;

  /// Bytes of a storage. Throws InputError if there is none of that name.
  virtual std::uint64_t size(const std::string& storage) const = 0;

  /// Reads a storage into `target`, which has size(storage) bytes. Throws InputError if it can't.
  virtual void read(const std::string& storage, void* target) const = 0;
};

/// Storages that are records of a zip archive.
class ZipStorages : public StorageFile {
 public:
  /// @param folder of the records, "archive/data/"
  ZipStorages(const ZipArchive& zip, std::string folder) : zip_(zip), folder_(std::move(folder)) {}

  std::uint64_t size(const std::string& storage) const override {
    return zip_.size(folder_ + storage);
  }
  void read(const std::string& storage, void* target) const override {
    zip_.read(folder_ + storage, target);
  }

 private:
  const ZipArchive& zip_;
  std::string folder_;
};

/// A tensor as a container describes it, which may be wrong: a view of a storage. All counts are of
/// elements.
struct StoredTensor {
  std::string storage;
  at::ScalarType type = at::kFloat;
  std::optional<std::int64_t> count = {};  ///< of the storage, if the container tells it
  std::int64_t offset = 0;
  std::vector<std::int64_t> sizes = {};
  std::vector<std::int64_t> strides = {};
};

/// Makes tensors from the storages of a container, each of which is read once.
class StoredTensors {
 public:
  StoredTensors(const StorageFile& file, std::string where);

  /// The tensor, in its own type, on the CPU. Tensors of one storage share memory.
  /// @param name for messages
  /// Throws InputError if the description contradicts itself or the storage, or if tensors share
  /// storages so often that they would need many times the memory on their own.
  at::Tensor make(const StoredTensor& tensor, const std::string& name);

 private:
  at::Tensor storage(const StoredTensor& tensor, const std::string& name);
  [[noreturn]] void fail(const std::string& name, const std::string& reason) const;

  const StorageFile& file_;
  std::string where_;
  std::map<std::string, at::Tensor> storages_;  ///< one-dimensional
  std::uint64_t read_bytes_ = 0;                ///< of storages
  std::uint64_t made_bytes_ = 0;                ///< of tensors
};

}  // namespace clipq
