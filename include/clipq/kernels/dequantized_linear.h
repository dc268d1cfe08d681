#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipq/kernels/float_path.h"
#include "clipq/kernels/input_rules.h"
#include "clipq/kernels/panel_linear.h"
#include "clipq/numerics/activation_quantizer.h"

namespace clipq {

/// Why a layer with such an input can't be computed on floating-point units from a weight's codes,
/// in words; empty if it can, as with every weight.
std::string why_not_dequantized(const std::optional<QuantizerSpec>& input);

/// y = x W^T + b on floating-point units. W stays as narrow in memory as its codes are and is
/// dequantized in the cache; x is float32 or the values of its own codes.
class DequantizedLinear final : public PanelLinear {
 public:
  /// @param weight [out, in] of any format
  /// @param bias float32 [out], or undefined
  /// @param input null: not quantized
  /// @param path nullptr, or one that isn't exact for such codes: the fastest
  /// Throws InternalError if why_not_dequantized().
  DequantizedLinear(const QuantizedTensor& weight, const at::Tensor& bias,
                    const ActivationQuantizer* input, const FloatPath* path);

  std::int64_t in_features() const override { return in_features_; }
  std::int64_t out_features() const override { return static_cast<std::int64_t>(bias_.size()); }
  std::int64_t panel_rows() const override { return path_->panel_rows; }
  const char* path_name() const override { return path_->name; }

  void prepare(InputPanel& panel, std::int64_t rows) const override;
  using PanelLinear::load;
  void load(InputPanel& panel, std::int64_t row, const float* x,
            const std::optional<RowScale>& shared) const override;
  bool spans_rows() const override { return spans_rows_; }
  std::optional<RowScale> shared_scale(const float* x, std::int64_t count) const override;
  /// What the codes of a map, x [count] values, mean where windows of it are rows; absent if that
  /// doesn't depend on the map.
  std::optional<RowScale> map_scale(const float* x, std::int64_t count) const;
  bool dequantizes() const override { return true; }
  bool takes_floats() const override { return !rule_ && !path_->takes_bfloat16; }

  using PanelLinear::run;
  void run(const InputPanel& panel, std::int64_t first, std::int64_t count,
           const LinearOutput& output) const override;

 private:
  std::int64_t in_features_;
  std::optional<ValueRule> rule_;  ///< absent: the input isn't quantized
  bool spans_rows_;
  const FloatPath* path_;
  std::unique_ptr<FloatMatrix> matrix_;
  std::vector<float> scales_;  ///< of sums, one an output feature
  std::vector<float> bias_;    ///< zeros if there is none
};

}  // namespace clipq
