#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "clipq/kernels/panel_linear.h"

namespace clipq {

/// The values of a tensor of one value a column, or of one for all of them.
inline std::vector<float> one_per_column(const at::Tensor& tensor, std::int64_t columns) {
  const at::Tensor values = tensor.reshape({-1}).expand({columns}).contiguous();
  return {values.const_data_ptr<float>(), values.const_data_ptr<float>() + columns};
}

/// The same of a bias, which may be undefined.
inline std::vector<float> bias_or_zeros(const at::Tensor& bias, std::int64_t columns) {
  if (bias.defined()) return one_per_column(bias, columns);
  return std::vector<float>(static_cast<std::size_t>(columns));
}

/// How the products of a panel's rows are finished, and where they go.
/// @param first column that is computed
/// @param scales, bias one a column
inline TileFinish finish_to(const LinearOutput& output, std::int64_t first, const InputPanel& panel,
                            const std::vector<float>& scales, const std::vector<float>& bias) {
  TileFinish finish{};
  finish.rows = panel.scales();
  finish.uniform = panel.has_one_scale();
  finish.column_scales = scales.data();
  finish.bias = bias.data();
  finish.activation = output.activation;
  finish.add = output.add;
  // Codes that begin with that of zero have no room for what ReLU takes away.
  const bool is_implied = output.out == nullptr && output.rule->lowest == output.rule->zero_point;
  finish.relu = output.relu && !is_implied;
  finish.out = output.out == nullptr ? nullptr : output.out - first;
  finish.out_stride = output.stride;
  finish.codes = output.codes == nullptr ? nullptr : output.codes - first;
  finish.codes_stride = output.codes_stride;
  finish.rule = output.rule;
  return finish;
}

}  // namespace clipq
