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

  at::Tensor forward(const at::Tensor& x) const override {
    inputs_->add(x);
    return inner().forward(x);
  }

 private:
  std::shared_ptr<Histogram> inputs_;
};

}  // namespace clipq
