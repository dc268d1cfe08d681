#include "linear_form.h"

#include <ATen/ops/zeros.h>

#include <utility>

#include "clipq/numerics/activation_quantizer.h"
#include "quantizer_forms.h"
#include "weight_forms.h"

namespace clipq {
namespace {

std::string add_bias(GraphBuilder& graph, const std::string& x, const at::Tensor& bias) {
  return bias.defined() ? graph.add("Add", {x, graph.constant("bias", bias)}) : x;
}

/// As add_bias(), for integer products: ONNX Runtime would fuse a MatMul and an Add into a Gemm,
/// for whose float bias it has no integer kernel.
std::string subtract_negative_bias(GraphBuilder& graph, const std::string& x,
                                   const at::Tensor& bias) {
  return bias.defined() ? graph.add("Sub", {x, graph.constant("negative_bias", bias.neg())}) : x;
}

/// The weight's values as float32 [in, out].
std::string values_of(GraphBuilder& graph, const LinearContents& contents) {
  if (contents.quantized != nullptr) {
    return weight_values(graph, *contents.quantized, /*transposed=*/true);
  }
  return graph.constant("weight", contents.weight.t().contiguous());
}

/// @param zero_point of all codes; empty: 0
std::string multiply_codes(GraphBuilder& graph, const std::string& codes,
                           const std::string& zero_point, const IntegerWeight& weight) {
  std::vector<std::string> inputs = {codes, weight.codes, zero_point, weight.zero_point};
  while (inputs.back().empty()) inputs.pop_back();
  return graph.add("MatMulInteger", std::move(inputs));
}

/// ONNX Runtime's own: an integer product, scales and bias in one go.
/// @param input codes with one scale; an empty zero point: 0
std::string multiply_to_float(GraphBuilder& graph, const StaticCodes& input,
                              const IntegerWeight& weight, const at::Tensor& bias) {
  std::vector<std::string> inputs = {input.codes,  weight.codes,     input.scale,
                                     weight.scale, input.zero_point, weight.zero_point};
  if (bias.defined()) inputs.push_back(graph.constant("bias", bias));
  while (inputs.back().empty()) inputs.pop_back();
  return graph.add("MatMulIntegerToFloat", std::move(inputs), {}, kContribDomain);
}

/// Nothing is quantized, or the weight alone.
class FloatForm final : public LinearForm {
 public:
  using LinearForm::LinearForm;
  void take(const std::string& x) override { x_ = x; }
  std::string product(const LinearContents& contents) const override {
    const std::string weight = takes_cast(contents) ? cast_values(graph_, *contents.quantized)
                                                    : values_of(graph_, contents);
    if (contents.quantized != nullptr || !contents.bias.defined()) {
      return add_bias(graph_, graph_.add("MatMul", {x_, weight}), contents.bias);
    }
    return graph_.add("Gemm", {x_, weight, graph_.constant("bias", contents.bias)});
  }

 private:
  /// FP8, with a scale that needs no blocks; TensorRT knows it by its DequantizeLinear.
  bool takes_cast(const LinearContents& contents) const {
    return contents.quantized != nullptr && is_fp8(contents.quantized->spec) &&
           contents.quantized->spec.granularity != Granularity::kGroup &&
           graph_.target() != OnnxTarget::kTensorRt;
  }

  std::string x_;
};

/// A float16 weight: a product of float16, added to in float32.
class Float16Form final : public LinearForm {
 public:
  using LinearForm::LinearForm;
  void take(const std::string& x) override { x_ = graph_.cast(x, OnnxType::kFloat16); }
  std::string product(const LinearContents& contents) const override {
    const at::Tensor weight = contents.quantized->codes.t().contiguous();
    const std::string y = graph_.add("MatMul", {x_, graph_.constant("weight", weight)});
    return add_bias(graph_, graph_.cast(y, OnnxType::kFloat32), contents.bias);
  }

 private:
  std::string x_;
};

/// A quantized weight alone, by ONNX Runtime's operator.
class SmallWeightForm final : public LinearForm {
 public:
  using LinearForm::LinearForm;
  void take(const std::string& x) override { x_ = x; }
  std::string product(const LinearContents& contents) const override {
    return add_bias(graph_, mat_mul_n_bits(graph_, x_, *contents.quantized), contents.bias);
  }

 private:
  std::string x_;
};

/// Quantized and dequantized input and weight, which runtimes fuse with the product.
class SimulatedForm final : public LinearForm {
 public:
  SimulatedForm(GraphBuilder& graph, const ActivationQuantizer& input)
      : LinearForm(graph), input_(input) {}
  void take(const std::string& x) override { x_ = simulate(graph_, x, input_); }
  std::string product(const LinearContents& contents) const override {
    const std::string y = graph_.add("MatMul", {x_, values_of(graph_, contents)});
    return subtract_negative_bias(graph_, y, contents.bias);
  }

 private:
  const ActivationQuantizer& input_;
  std::string x_;
};

/// The same with an FP8 input. A Gemm with a float bias is the one product of such that ONNX
/// Runtime doesn't take for one of integers; but where another quantizer follows, it rounds the
/// bias to integers, so that it is 0, and the layer's own is added.
class Fp8Form final : public LinearForm {
 public:
  Fp8Form(GraphBuilder& graph, const ActivationQuantizer& input)
      : LinearForm(graph), input_(input) {}
  void take(const std::string& x) override { x_ = simulate(graph_, x, input_); }
  std::string product(const LinearContents& contents) const override {
    const std::string weight = values_of(graph_, contents);
    const at::Tensor& rows =
        contents.quantized == nullptr ? contents.weight : contents.quantized->codes;
    const std::string zero = graph_.constant("no_bias", at::zeros({rows.size(0)}, at::kFloat));
    return add_bias(graph_, graph_.add("Gemm", {x_, weight, zero}), contents.bias);
  }

 private:
  const ActivationQuantizer& input_;
  std::string x_;
};

/// Integers with a fixed range, by ONNX Runtime's operator.
class FusedIntegerForm final : public LinearForm {
 public:
  FusedIntegerForm(GraphBuilder& graph, const ActivationQuantizer& input)
      : LinearForm(graph), input_(input) {}
  void take(const std::string& x) override { codes_ = static_codes(graph_, x, input_); }
  std::string product(const LinearContents& contents) const override {
    return multiply_to_float(graph_, codes_, integer_weight(graph_, *contents.quantized),
                             contents.bias);
  }

 private:
  const ActivationQuantizer& input_;
  StaticCodes codes_;
};

/// Integers whose rows have ranges of their own: (codes - zero_point) W scale + bias.
class DynamicForm final : public LinearForm {
 public:
  DynamicForm(GraphBuilder& graph, const ActivationQuantizer& input)
      : LinearForm(graph), input_(input) {}
  void take(const std::string& x) override {
    codes_ = dynamic_codes(graph_, x, input_.spec());
    if (!codes_.zero_point.empty()) {
      offset_ = graph_.add("Mul", {codes_.scale, codes_.zero_point});
    }
  }
  std::string product(const LinearContents& contents) const override {
    const IntegerWeight weight = integer_weight(graph_, *contents.quantized);
    std::string y = graph_.add("Mul", {scaled_product(weight), codes_.scale});
    if (!offset_.empty()) {
      const std::string sums = graph_.constant("weight_sum", weight.sums);
      y = graph_.add("Sub", {y, graph_.add("Mul", {offset_, sums})});
    }
    return add_bias(graph_, y, contents.bias);
  }

 private:
  std::string scaled_product(const IntegerWeight& weight) const {
    if (graph_.target() == OnnxTarget::kOnnxRuntime) {
      return multiply_to_float(graph_, {codes_.codes, graph_.scalar(1.0), ""}, weight, {});
    }
    const std::string product = multiply_codes(graph_, codes_.codes, "", weight);
    return graph_.add("Mul", {graph_.cast(product, OnnxType::kFloat32), weight.scale});
  }

  const ActivationQuantizer& input_;
  DynamicCodes codes_;
  std::string offset_;  ///< what zero points stand for
};

/// 8 bits and one range for all of x: what ONNX Runtime fuses into one kernel.
class PerTensorForm final : public LinearForm {
 public:
  using LinearForm::LinearForm;
  void take(const std::string& x) override {
    input_ = graph_.add_multiple("DynamicQuantizeLinear", {x}, 3);
  }
  std::string product(const LinearContents& contents) const override {
    const IntegerWeight weight = integer_weight(graph_, *contents.quantized);
    const std::string product = multiply_codes(graph_, input_[0], input_[2], weight);
    const std::string scale = graph_.add("Mul", {input_[1], weight.scale});
    const std::string y = graph_.add("Mul", {graph_.cast(product, OnnxType::kFloat32), scale});
    return add_bias(graph_, y, contents.bias);
  }

 private:
  std::vector<std::string> input_;  ///< codes, scale, zero point
};

using FormPointer = std::unique_ptr<LinearForm>;

FormPointer form_without_input(GraphBuilder& graph, const LinearContents& contents) {
  if (contents.quantized != nullptr) {
    const QuantizerSpec& weight = contents.quantized->spec;
    if (weight.format == Format::kFp16) return std::make_unique<Float16Form>(graph);
    if (graph.target() == OnnxTarget::kOnnxRuntime && fits_mat_mul_n_bits(*contents.quantized)) {
      return std::make_unique<SmallWeightForm>(graph);
    }
  }
  return std::make_unique<FloatForm>(graph);
}

}  // namespace

FormPointer form_of(GraphBuilder& graph, const LinearContents& contents) {
  if (contents.input == nullptr) return form_without_input(graph, contents);
  const ActivationQuantizer& input = *contents.input;
  if (is_fp8(input.spec())) return std::make_unique<Fp8Form>(graph, input);
  const bool integers = has_integer_codes(input.spec()) && contents.quantized != nullptr &&
                        has_integer_codes(*contents.quantized);
  if (integers && input.spec().range == RangeKind::kDynamic) {
    if (graph.options().per_tensor_ranges) return std::make_unique<PerTensorForm>(graph);
    return std::make_unique<DynamicForm>(graph, input);
  }
  if (integers && graph.target() == OnnxTarget::kOnnxRuntime) {
    return std::make_unique<FusedIntegerForm>(graph, input);
  }
  return std::make_unique<SimulatedForm>(graph, input);
}

bool is_fp8(const QuantizerSpec& spec) {
  const FormatInfo& format = format_info(spec.format);
  return format.is_float && format.scaled;
}

}  // namespace clipq
