#pragma once

#include <optional>

#include "clipq/kernels/panel_linear.h"
#include "clipq/numerics/activation_quantizer.h"

namespace clipq {

/// A linear layer whose inputs are unsigned codes of 8 bits.
class CodesLinear : public PanelLinear {
 public:
  /// @param input one that why_no_rule() has nothing against, of an integer format
  CodesLinear(std::int64_t in_features, const ActivationQuantizer& input);

  std::int64_t in_features() const override { return in_features_; }

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

  bool run_into(const InputPanel& panel, Activation activation, const PanelLinear& next,
                InputPanel& next_panel) const override;

 private:
  std::int64_t in_features_;
  CodeRule rule_;
  bool spans_rows_;
};

}  // namespace clipq
