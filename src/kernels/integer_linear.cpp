#include "clipq/kernels/integer_linear.h"

#include <numeric>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

std::vector<float> floats_of(const at::Tensor& tensor, std::int64_t count) {
  const at::Tensor values = tensor.reshape({-1}).expand({count}).contiguous();
  return {values.const_data_ptr<float>(), values.const_data_ptr<float>() + count};
}

/// Signed codes move up by 2^(bits - 1), so that kernels see unsigned ones.
CodeRule code_rule(const ActivationQuantizer& input) {
  const QuantizerSpec& spec = input.spec();
  const auto steps = static_cast<float>(spec.max_code());
  CodeRule rule;
  rule.per_row = spec.range == RangeKind::kDynamic && spec.granularity == Granularity::kToken;
  rule.symmetric = spec.scheme == Scheme::kSymmetric;
  rule.steps = steps;
  rule.lowest = rule.symmetric ? 1 : 0;
  rule.highest = rule.symmetric ? 2 * steps + 1 : steps;
  if (rule.symmetric) rule.zero_point = steps + 1;
  if (spec.range == RangeKind::kStatic) {
    rule.scale = input.scales().scale.item<float>();
    if (!rule.symmetric) rule.zero_point = input.scales().zero_point.item<float>();
  }
  return rule;
}

}  // namespace

std::string why_not_integer(const QuantizerSpec& weight,
                            const std::optional<QuantizerSpec>& input) {
  if (!input) return "its input is not quantized";
  if (weight.format != Format::kInt8) return cat("its weight is ", format_info(weight.format).name);
  if (input->format != Format::kInt8) return cat("its input is ", format_info(input->format).name);
  if (weight.scheme != Scheme::kSymmetric) return "its weight has zero points";
  if (weight.granularity == Granularity::kGroup) return "its weight has a scale a group";
  if (input->granularity == Granularity::kGroup) return "its input has a scale a group";
  if (input->scheme == Scheme::kTwin) return "its input has twin scales";
  if (input->scale_dtype != ScaleDtype::kFloat32 && input->range == RangeKind::kDynamic) {
    return "its input's scales are rounded to float16";
  }
  return "";
}

IntegerLinear::IntegerLinear(const QuantizedTensor& weight, const at::Tensor& bias,
                             const ActivationQuantizer& input, const IntegerPath* path)
    : in_features_(weight.columns), rule_(code_rule(input)), spans_rows_(input.spans_rows()) {
  const std::string reason = why_not_integer(weight.spec, input.spec());
  if (!reason.empty()) throw InternalError("no integer kernels for a layer: " + reason);
  const std::int64_t columns = weight.codes.size(0);
  const at::Tensor codes = weight.codes.contiguous();
  const IntegerWeight plain = {codes.const_data_ptr<std::int8_t>(), columns, in_features_,
                               static_cast<int>(weight.spec.max_code()),
                               static_cast<int>(rule_.highest)};
  path_ = path != nullptr && path->exact(plain) ? path : &fastest_integer_path(plain);
  matrix_ = path_->pack(plain);
  scales_ = floats_of(weight.scales.scale, columns);
  bias_ = bias.defined() ? floats_of(bias, columns)
                         : std::vector<float>(static_cast<std::size_t>(columns));
  for (std::int64_t row = 0; row < columns; ++row) {
    const std::int8_t* begin = plain.codes + row * in_features_;
    sums_.push_back(std::accumulate(begin, begin + in_features_, std::int32_t{0}));
  }
}

CodeRule IntegerLinear::rule_for(const float* x, std::int64_t count) const {
  if (!spans_rows_ || count == 0) return rule_;
  CodeRule per_row = rule_;
  per_row.per_row = true;
  const RowScale scale = scale_of_row(x, count, per_row);
  CodeRule rule = rule_;
  rule.scale = scale.scale;
  rule.zero_point = static_cast<float>(scale.zero_point);
  return rule;
}

TileFinish IntegerLinear::finish_of(const InputPanel& panel) const {
  TileFinish finish{};
  finish.rows = panel.scales();
  finish.uniform = panel.has_one_scale();
  finish.column_scales = scales_.data();
  finish.column_sums = sums_.data();
  finish.bias = bias_.data();
  return finish;
}

void IntegerLinear::multiply(const InputPanel& panel, std::int64_t first, std::int64_t count,
                             const TileFinish& finish) const {
  matrix_->multiply(panel.codes(), panel.rows(), panel.stride(), first, count,
                    [&finish](const AccumulatorTile& tile) { finish_tile(tile, finish); });
}

void IntegerLinear::run(const InputPanel& panel, std::int64_t first, std::int64_t count,
                        const LinearOutput& output) const {
  TileFinish finish = finish_of(panel);
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
  multiply(panel, first, count, finish);
}

bool IntegerLinear::run_into(const InputPanel& panel, Activation activation,
                             const PanelLinear& next, InputPanel& next_panel) const {
  const CodeRule* rule = next.fixed_rule();
  if (rule == nullptr) return false;
  next_panel.resize(panel.rows(), out_features());
  std::uint8_t* codes = next_panel.receive(*rule, panel.scales());
  run(panel, 0, out_features(),
      {.activation = activation,
       .codes = codes,
       .codes_stride = next_panel.stride(),
       .rule = rule});
  return true;
}

}  // namespace clipq
