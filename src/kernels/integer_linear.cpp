#include "clipq/kernels/integer_linear.h"

#include <numeric>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/kernels/input_rules.h"
#include "finish_to.h"

namespace clipq {

std::string why_not_integer(const QuantizerSpec& weight,
                            const std::optional<QuantizerSpec>& input) {
  if (!input) return "its input is not quantized";
  if (weight.format != Format::kInt8) return cat("its weight is ", format_info(weight.format).name);
  if (input->format != Format::kInt8) return cat("its input is ", format_info(input->format).name);
  if (weight.scheme != Scheme::kSymmetric) return "its weight has zero points";
  if (weight.granularity == Granularity::kGroup) return "its weight has a scale a group";
  return why_no_rule(*input);
}

IntegerLinear::IntegerLinear(const QuantizedTensor& weight, const at::Tensor& bias,
                             const ActivationQuantizer& input, const IntegerPath* path)
    : CodesLinear(weight.columns, input) {
  const std::string reason = why_not_integer(weight.spec, input.spec());
  if (!reason.empty()) throw InternalError("no integer kernels for a layer: " + reason);
  const std::int64_t columns = weight.codes.size(0);
  const at::Tensor codes = weight.codes.contiguous();
  const IntegerWeight plain = {codes.const_data_ptr<std::int8_t>(), columns, in_features(),
                               static_cast<int>(weight.spec.max_code()),
                               static_cast<int>(rule().highest)};
  path_ = path != nullptr && path->exact(plain) ? path : &fastest_integer_path(plain);
  matrix_ = path_->pack(plain);
  scales_ = one_per_column(weight.scales.scale, columns);
  bias_ = bias_or_zeros(bias, columns);
  for (std::int64_t row = 0; row < columns; ++row) {
    const std::int8_t* begin = plain.codes + row * in_features();
    sums_.push_back(std::accumulate(begin, begin + in_features(), std::int32_t{0}));
  }
}

void IntegerLinear::run(const InputPanel& panel, std::int64_t first, std::int64_t count,
                        const LinearOutput& output) const {
  TileFinish finish = finish_to(output, first, panel, scales_, bias_);
  finish.column_sums = sums_.data();
  matrix_->multiply(panel.codes(), panel.rows(), panel.stride(), first, count,
                    [&finish](const AccumulatorTile& tile) { finish_tile(tile, finish); });
}

}  // namespace clipq
