#pragma once

#include <memory>

#include "clipq/kernels/panel_linear.h"
#include "clipq/model/linear.h"

namespace clipq {

/// A linear on native kernels: what SimulatedLinear computes.
class NativeLinear final : public Linear {
 public:
  explicit NativeLinear(std::shared_ptr<const PanelLinear> panels);

  at::Tensor forward(const at::Tensor& x) const override;
  at::Tensor forward_part(const at::Tensor& x, std::int64_t first,
                          std::int64_t count) const override;
  /// Windows of one position only.
  at::Tensor convolve(const at::Tensor& map, const ConvolutionWindow& window) const override;
  bool needs_whole_batch() const override { return panels_->spans_rows(); }
  std::int64_t in_features() const override { return panels_->in_features(); }
  std::int64_t out_features() const override { return panels_->out_features(); }

  /// The layer as blocks run it.
  const PanelLinear& panels() const { return *panels_; }

 private:
  std::shared_ptr<const PanelLinear> panels_;
};

}  // namespace clipq
