#pragma once

#include <memory>
#include <utility>

#include "clipq/model/linear.h"
#include "clipq/numerics/histogram.h"

namespace clipq {

/// A layer whose inputs are counted in a histogram.
class CountedLinear final : public Linear {
 public:
  CountedLinear(std::shared_ptr<const Linear> inner, std::shared_ptr<Histogram> inputs)
      : inner_(std::move(inner)), inputs_(std::move(inputs)) {}

  at::Tensor forward(const at::Tensor& x) const override {
    inputs_->add(x);
    return inner_->forward(x);
  }
  std::int64_t in_features() const override { return inner_->in_features(); }
  std::int64_t out_features() const override { return inner_->out_features(); }

 private:
  std::shared_ptr<const Linear> inner_;
  std::shared_ptr<Histogram> inputs_;
};

}  // namespace clipq
