#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "clipq/checkpoint/pickle.h"
#include "clipq/core/zip_archive.h"

namespace clipq {

/// Makes the tensors that a pickle in a zip archive describes.
class PickledTensors {
 public:
  /// @param folder of the storages' records, "archive/data/"
  PickledTensors(const ZipArchive& zip, std::string folder, std::string where);

  /// Whether the value is a tensor of some kind, dense or not.
  static bool is_tensor(const PickleValue& value);

  /// The tensor, in its own type, on the CPU. Tensors of one storage share memory.
  /// @param name for messages
  /// Throws InputError if it isn't dense, of a type that this LibTorch doesn't know, or doesn't fit
  /// its record.
  at::Tensor make(const PickleValue& value, const std::string& name);

 private:
  at::Tensor storage(const PickleValue& value, const std::string& name);

  const ZipArchive& zip_;
  std::string folder_;
  std::string where_;
  std::map<std::string, at::Tensor> storages_;  ///< by record: one-dimensional
};

}  // namespace clipq
