#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include "clipq/kernels/integer_path.h"

namespace clipq {
namespace {

/// LibTorch's oneDNN linear with scales of 1 and no bias. It always computes all columns.
class OneDnnMatrix final : public IntegerMatrix {
 public:
  explicit OneDnnMatrix(const IntegerWeight& weight)
      : columns_(weight.out_features), depth_(weight.in_features) {
    const at::Tensor codes =
        at::from_blob(const_cast<std::int8_t*>(weight.codes),  // NOLINT: only read
                      {columns_, depth_}, at::TensorOptions(at::kChar));
    torch::jit::Stack stack = {codes, c10::IValue()};
    c10::Dispatcher::singleton().findSchemaOrThrow("onednn::qlinear_prepack", "").callBoxed(stack);
    packed_ = stack.front().toTensor();
  }

  void multiply(const std::uint8_t* codes, std::int64_t rows, std::ptrdiff_t stride,
                std::int64_t first, std::int64_t count,
                const TileConsumer& consume) const override {
    const c10::InferenceMode guard;
    const at::Tensor x = at::from_blob(const_cast<std::uint8_t*>(codes),  // NOLINT: only read
                                       {rows, depth_}, {stride, 1}, at::TensorOptions(at::kByte))
                             .contiguous();
    torch::jit::Stack stack = {x,
                               1.0,
                               0,
                               packed_,
                               scales_,
                               zeros_,
                               c10::IValue(),
                               1.0,
                               0,
                               static_cast<std::int64_t>(at::kFloat),
                               "none",
                               c10::List<std::optional<at::Scalar>>(),
                               ""};
    linear_.callBoxed(stack);
    const at::Tensor sums = stack.front().toTensor().to(at::kInt);
    consume({sums.const_data_ptr<std::int32_t>() + first, columns_, 0, rows, first, count});
  }

 private:
  std::int64_t columns_;
  std::int64_t depth_;
  at::Tensor packed_;
  at::Tensor scales_ = at::ones({1});
  at::Tensor zeros_ = at::zeros({1}, at::kInt);
  c10::OperatorHandle linear_ =
      c10::Dispatcher::singleton().findSchemaOrThrow("onednn::qlinear_pointwise", "");
};

}  // namespace

std::unique_ptr<IntegerMatrix> pack_onednn(const IntegerWeight& weight) {
  return std::make_unique<OneDnnMatrix>(weight);
}

}  // namespace clipq
