#pragma once

#include <memory>
#include <utility>

#include "clipq/model/wrapped_linear.h"
#include "clipq/numerics/histogram.h"

namespace clipq {

/// A layer whose inputs are counted in a histogram.
class CountedLinear final : public WrappedLinear {
 public:
  CountedLinear(std::shared_ptr<const Linear> inner, std::shared_ptr<Histogram> inputs)
      : WrappedLinear(std::move(inner)), inputs_(std::move(inputs)) {}

 private:
  at::Tensor pass(const at::Tensor& x, const std::function<at::Tensor()>& compute) const override {
    inputs_->add(x);
    return compute();
  }

  std::shared_ptr<Histogram> inputs_;
};

}  // namespace clipq
