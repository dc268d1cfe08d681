#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipq/kernels/codes_linear.h"
#include "clipq/kernels/integer_path.h"
#include "clipq/numerics/activation_quantizer.h"

namespace clipq {

/// Why a layer with such a weight and input can't be computed with integer kernels, in words; empty
/// if it can.
std::string why_not_integer(const QuantizerSpec& weight, const std::optional<QuantizerSpec>& input);

/// y = x W^T + b with x and W as codes: integer products, scaled once.
class IntegerLinear final : public CodesLinear {
 public:
  /// @param weight int8, symmetric, [out, in]
  /// @param bias float32 [out], or undefined
  /// @param path of the kernels; nullptr, or one that isn't exact for such codes: the fastest
  /// Throws InternalError if why_not_integer().
  IntegerLinear(const QuantizedTensor& weight, const at::Tensor& bias,
                const ActivationQuantizer& input, const IntegerPath* path);

  std::int64_t out_features() const override { return static_cast<std::int64_t>(bias_.size()); }
  std::int64_t panel_rows() const override { return path_->panel_rows; }
  const char* path_name() const override { return path_->name; }

  using PanelLinear::run;
  void run(const InputPanel& panel, std::int64_t first, std::int64_t count,
           const LinearOutput& output) const override;

 private:
  const IntegerPath* path_;
  std::unique_ptr<IntegerMatrix> matrix_;
  std::vector<float> scales_;       ///< one an output feature
  std::vector<std::int32_t> sums_;  ///< of each output feature's codes
  std::vector<float> bias_;         ///< zeros if there is none
};

}  // namespace clipq
