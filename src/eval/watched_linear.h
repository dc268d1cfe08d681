#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "clipq/model/wrapped_linear.h"

namespace clipq {

/// A layer whose inputs are shown to somebody.
class WatchedLinear final : public WrappedLinear {
 public:
  using Watcher = std::function<void(const at::Tensor&)>;

  WatchedLinear(std::shared_ptr<const Linear> inner, Watcher watcher)
      : WrappedLinear(std::move(inner)), watcher_(std::move(watcher)) {}

 private:
  at::Tensor pass(const at::Tensor& x, const std::function<at::Tensor()>& compute) const override {
    watcher_(x);
    return compute();
  }

  Watcher watcher_;
};

}  // namespace clipq
