#pragma once

#include <ATen/ops/tensor.h>

#include <vector>

#include "clipq/core/json.h"

namespace clipq::testing {

/// Numbers, or rows of numbers of one length, as float64; true and false become 1 and 0.
inline at::Tensor double_tensor(const Json& json) {
  std::vector<double> values;
  const auto append = [&values](const Json& row) {
    for (const Json& value : row) {
      values.push_back(value.is_boolean() ? (value.get<bool>() ? 1.0 : 0.0) : value.get<double>());
    }
  };
  const bool has_rows = json.at(0).is_array();
  if (has_rows) {
    for (const Json& row : json) append(row);
  } else {
    append(json);
  }
  const at::Tensor flat = at::tensor(at::ArrayRef<double>(values), at::kDouble);
  return has_rows ? flat.view({static_cast<std::int64_t>(json.size()), -1}) : flat;
}

}  // namespace clipq::testing
