#include "clipq/kernels/codes_linear.h"

#include "clipq/kernels/input_rules.h"

namespace clipq {

CodesLinear::CodesLinear(std::int64_t in_features, const ActivationQuantizer& input)
    : in_features_(in_features), rule_(code_rule(input)), spans_rows_(input.spans_rows()) {}

void CodesLinear::load(InputPanel& panel, std::int64_t row, const float* x,
                       const std::optional<RowScale>& shared) const {
  panel.quantize(row, x, shared ? with_scale(rule_, *shared) : rule_);
}

std::optional<RowScale> CodesLinear::shared_scale(const float* x, std::int64_t count) const {
  return spans_rows_ ? scale_of_all(rule_, x, count) : std::nullopt;
}

CodeRule CodesLinear::rule_for(const float* x, std::int64_t count) const {
  const std::optional<RowScale> shared = shared_scale(x, count);
  return shared ? with_scale(rule_, *shared) : rule_;
}

bool CodesLinear::run_into(const InputPanel& panel, Activation activation, const PanelLinear& next,
                           InputPanel& next_panel) const {
  const CodeRule* rule = next.fixed_rule();
  if (rule == nullptr) return PanelLinear::run_into(panel, activation, next, next_panel);
  next.prepare(next_panel, panel.rows());
  std::uint8_t* codes = next_panel.receive(*rule, panel.scales());
  run(panel, 0, out_features(),
      {.activation = activation,
       .codes = codes,
       .codes_stride = next_panel.stride(),
       .rule = rule});
  return true;
}

}  // namespace clipq
