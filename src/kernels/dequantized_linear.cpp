#include "clipq/kernels/dequantized_linear.h"

#include <algorithm>

#include "bfloat16_parts.h"
#include "clipq/core/error.h"
#include "finish_to.h"
#include "float_matrix.h"

namespace clipq {
namespace {

std::optional<QuantizerSpec> spec_of(const ActivationQuantizer* input) {
  return input == nullptr ? std::nullopt : std::optional(input->spec());
}

}  // namespace

std::string why_not_dequantized(const std::optional<QuantizerSpec>& input) {
  return input ? why_no_rule(*input) : "";
}

DequantizedLinear::DequantizedLinear(const QuantizedTensor& weight, const at::Tensor& bias,
                                     const ActivationQuantizer* input, const FloatPath* path)
    : in_features_(weight.columns), spans_rows_(input != nullptr && input->spans_rows()) {
  const std::optional<QuantizerSpec> spec = spec_of(input);
  const std::string reason = why_not_dequantized(spec);
  if (!reason.empty()) throw InternalError("no kernels for a layer: " + reason);
  if (input != nullptr) rule_ = value_rule(*input);
  const bool is_usable = path != nullptr && path->exact(weight.spec, spec);
  path_ = is_usable ? path : &fastest_float_path(weight.spec, spec);
  matrix_ = path_->pack(weight, rule_.has_value());
  const std::int64_t columns = weight.codes.size(0);
  scales_ = has_scales_in_sums(weight.spec) ? std::vector<float>(columns, 1.0F)
                                            : one_per_column(weight.scales.scale, columns);
  bias_ = bias_or_zeros(bias, columns);
}

void DequantizedLinear::prepare(InputPanel& panel, std::int64_t rows) const {
  const std::int64_t parts = rule_ ? 1 : 2;
  panel.resize(rows,
               path_->takes_bfloat16 ? parts * 2 * whole_steps(in_features_) : 4 * in_features_);
}

void DequantizedLinear::load(InputPanel& panel, std::int64_t row, const float* x,
                             const std::optional<RowScale>& shared) const {
  std::uint8_t* target = panel.assign(row, {1, 0});
  auto* floats = reinterpret_cast<float*>(target);
  auto* halves = reinterpret_cast<std::uint16_t*>(target);
  const std::int64_t depth = whole_steps(in_features_);
  if (!rule_ && path_->takes_bfloat16) {
    split_to_bfloat16(x, in_features_, halves, halves + depth);
    std::fill(halves + in_features_, halves + depth, std::uint16_t{0});
    std::fill(halves + depth + in_features_, halves + 2 * depth, std::uint16_t{0});
    return;
  }
  if (!rule_) {
    std::copy_n(x, in_features_, floats);
    return;
  }
  ValueRule rule = *rule_;
  if (shared) rule.codes = with_scale(rule.codes, *shared);
  if (!path_->takes_bfloat16) {
    panel.set_scale(row, quantize_values(x, in_features_, rule, floats));
    return;
  }
  panel.set_scale(row, quantize_to_bfloat16(x, in_features_, rule, halves));
  std::fill(halves + in_features_, halves + depth, std::uint16_t{0});
}

std::optional<RowScale> DequantizedLinear::shared_scale(const float* x, std::int64_t count) const {
  return spans_rows_ ? scale_of_all(rule_->codes, x, count) : std::nullopt;
}

std::optional<RowScale> DequantizedLinear::map_scale(const float* x, std::int64_t count) const {
  return rule_ && rule_->codes.per_row ? scale_of_all(rule_->codes, x, count) : std::nullopt;
}

void DequantizedLinear::run(const InputPanel& panel, std::int64_t first, std::int64_t count,
                            const LinearOutput& output) const {
  const TileFinish finish = finish_to(output, first, panel, scales_, bias_);
  matrix_->multiply(panel.codes(), panel.rows(), panel.stride(), first, count,
                    [&finish](const FloatTile& tile) { finish_tile(tile, finish); });
}

}  // namespace clipq
