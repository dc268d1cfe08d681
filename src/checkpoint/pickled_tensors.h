#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "clipq/checkpoint/pickle.h"
#include "stored_tensors.h"

namespace clipq {

/// A storage as a pickle names it.
struct PickledStorage {
  std::string name;
  at::ScalarType type = at::kFloat;
  std::int64_t count = 0;  ///< elements
};

/// Makes the tensors that a pickle describes and a container stores.
class PickledTensors {
 public:
  PickledTensors(const StorageFile& file, std::string where);

  /// Whether the value is a tensor of some kind, dense or not.
  static bool is_tensor(const PickleValue& value);

  /// The storage that a persistent value is. Throws InputError that names `where` if it is
  /// something else, a view of another storage, or of a type that a CLIP doesn't have.
  static PickledStorage storage_of(const PickleValue& value, const std::string& where);

  /// The tensor, as StoredTensors::make. Throws InputError also if it isn't dense.
  at::Tensor make(const PickleValue& value, const std::string& name);

 private:
  std::string where_;
  StoredTensors tensors_;
};

}  // namespace clipq
