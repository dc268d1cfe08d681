#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "clipq/model/linear.h"

namespace clipq {

/// A layer around another one, which it has the shape of: what passes is looked at or timed.
class WrappedLinear : public Linear {
 public:
  explicit WrappedLinear(std::shared_ptr<const Linear> inner) : inner_(std::move(inner)) {}

  at::Tensor forward(const at::Tensor& x) const override {
    return pass(x, [&] { return inner_->forward(x); });
  }
  at::Tensor forward_part(const at::Tensor& x, std::int64_t first,
                          std::int64_t count) const override {
    return pass(x, [&] { return inner_->forward_part(x, first, count); });
  }
  at::Tensor convolve(const at::Tensor& map, const ConvolutionWindow& window) const override {
    return pass(map, [&] { return inner_->convolve(map, window); });
  }
  bool needs_whole_batch() const override { return inner_->needs_whole_batch(); }
  std::int64_t in_features() const override { return inner_->in_features(); }
  std::int64_t out_features() const override { return inner_->out_features(); }

 protected:
  /// Returns what `compute` does.
  /// @param x the layer's input: rows, or the map of a convolution
  virtual at::Tensor pass(const at::Tensor& x,
                          const std::function<at::Tensor()>& compute) const = 0;

 private:
  std::shared_ptr<const Linear> inner_;
};

}  // namespace clipq
