#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipq/kernels/integer_path.h"
#include "clipq/kernels/panel_linear.h"
#include "clipq/numerics/activation_quantizer.h"

namespace clipq {

/// Why a layer with such a weight and input can't be computed with integer kernels, in words; empty
/// if it can.
std::string why_not_integer(const QuantizerSpec& weight, const std::optional<QuantizerSpec>& input);

/// y = x W^T + b with x and W as codes: integer products, scaled once.
class IntegerLinear final : public PanelLinear {
 public:
  /// @param weight int8, symmetric, [out, in]
  /// @param bias float32 [out], or undefined
  /// @param path of the kernels; nullptr, or one that isn't exact for such codes: the fastest
  /// Throws InternalError if why_not_integer().
  IntegerLinear(const QuantizedTensor& weight, const at::Tensor& bias,
                const ActivationQuantizer& input, const IntegerPath* path);

  std::int64_t in_features() const override { return in_features_; }
  std::int64_t out_features() const override { return static_cast<std::int64_t>(bias_.size()); }
  std::int64_t panel_rows() const override { return path_->panel_rows; }
  const char* path_name() const override { return path_->name; }

  /// How inputs become codes. Of a dynamic range per tensor: what `rule_for` gives.
  const CodeRule& rule() const { return rule_; }
  bool spans_rows() const override { return spans_rows_; }

  /// The rule for a whole input, x [count] values: rule() unless its range spans rows.
  CodeRule rule_for(const float* x, std::int64_t count) const;

  void prepare(InputPanel& panel, std::int64_t rows) const override {
    panel.resize(rows, in_features_);
  }
  using PanelLinear::load;
  void load(InputPanel& panel, std::int64_t row, const float* x,
            const std::optional<RowScale>& shared) const override;
  std::optional<RowScale> shared_scale(const float* x, std::int64_t count) const override;
  const CodeRule* fixed_rule() const override {
    return rule_.per_row || spans_rows_ ? nullptr : &rule_;
  }

  using PanelLinear::run;
  void run(const InputPanel& panel, std::int64_t first, std::int64_t count,
           const LinearOutput& output) const override;
  bool run_into(const InputPanel& panel, Activation activation, const PanelLinear& next,
                InputPanel& next_panel) const override;

 private:
  std::int64_t in_features_;
  CodeRule rule_;
  bool spans_rows_;
  const IntegerPath* path_;
  std::unique_ptr<IntegerMatrix> matrix_;
  std::vector<float> scales_;       ///< one an output feature
  std::vector<std::int32_t> sums_;  ///< of each output feature's codes
  std::vector<float> bias_;         ///< zeros if there is none
};

}  // namespace clipq
