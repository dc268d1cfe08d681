#include <ATen/ops/isfinite.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>

#include "clipq/core/error.h"
#include "clipq/numerics/observer.h"

namespace clipq {
namespace {

class MaxObserver final : public Observer {
 public:
  void observe(const at::Tensor& x) override {
    if (x.numel() == 0) return;
    Range seen = range_of(x, Granularity::kTensor);
    if (!std::isfinite(seen.max.item<float>() - seen.min.item<float>())) {
      const at::Tensor finite = x.masked_select(at::isfinite(x));
      if (finite.numel() == 0) return;
      seen = range_of(finite, Granularity::kTensor);
    }
    range_.min = range_.min.defined() ? at::minimum(range_.min, seen.min) : seen.min;
    range_.max = range_.max.defined() ? at::maximum(range_.max, seen.max) : seen.max;
  }

  Range range() const override {
    if (!range_.min.defined()) throw InternalError("the max observer has seen no finite value");
    return range_;
  }

 private:
  Range range_;
};

}  // namespace

std::unique_ptr<Observer> make_max_observer() { return std::make_unique<MaxObserver>(); }

}  // namespace clipq
