#include "linear_forms.h"

#include <ATen/ops/zeros.h>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/quant/quantizer_id.h"
#include "onnx_tensor.h"
#include "quantizer_forms.h"
#include "weight_forms.h"

namespace clipq {
namespace {

bool is_fp8(const QuantizerSpec& spec) {
  const FormatInfo& format = format_info(spec.format);
  return format.is_float && format.scaled;
}

std::string add_bias(GraphBuilder& graph, const std::string& x, const at::Tensor& bias) {
  return bias.defined() ? graph.add("Add", {x, graph.constant("bias", bias)}) : x;
}

/// As add_bias(), for integer products: ONNX Runtime would fuse a MatMul and an Add into a Gemm, for
/// whose float bias it has no integer kernel.
std::string subtract_negative_bias(GraphBuilder& graph, const std::string& x,
                                   const at::Tensor& bias) {
  return bias.defined() ? graph.add("Sub", {x, graph.constant("negative_bias", bias.neg())}) : x;
}

/// One node where the runtime can't take product and bias for a quantized layer whose bias and
/// output are integers.
std::string add_gemm(GraphBuilder& graph, const std::string& x, const std::string& weight,
                     const LinearContents& contents) {
  const std::int64_t width = contents.quantized == nullptr ? contents.weight.size(0)
                                                           : contents.quantized->codes.size(0);
  const at::Tensor bias = contents.bias.defined() ? contents.bias : at::zeros({width}, at::kFloat);
  return graph.add("Gemm", {x, weight, graph.constant("bias", bias)});
}

/// @param zero_point of all codes; empty: 0
std::string multiply(GraphBuilder& graph, const std::string& codes, const std::string& zero_point,
                     const IntegerWeight& weight) {
  std::vector<std::string> inputs = {codes, weight.codes};
  if (!zero_point.empty() || !weight.zero_point.empty()) inputs.push_back(zero_point);
  if (!weight.zero_point.empty()) inputs.push_back(weight.zero_point);
  return graph.add("MatMulInteger", std::move(inputs));
}

/// ONNX Runtime's own: an integer product, scales and bias in one go.
/// @param input codes with one scale; an empty zero point: 0
std::string multiply_to_float(GraphBuilder& graph, const StaticCodes& input,
                              const IntegerWeight& weight, const at::Tensor& bias) {
  std::vector<std::string> inputs = {input.codes, weight.codes,     input.scale,
                                     weight.scale, input.zero_point, weight.zero_point};
  if (bias.defined()) inputs.push_back(graph.constant("bias", bias));
  while (inputs.back().empty()) inputs.pop_back();
  return graph.add("MatMulIntegerToFloat", std::move(inputs), {}, kContribDomain);
}

std::string write_static(GraphBuilder& graph, const std::string& x,
                         const LinearContents& contents) {
  const StaticCodes input = static_codes(graph, x, *contents.input);
  return multiply_to_float(graph, input, integer_weight(graph, *contents.quantized), contents.bias);
}

/// What DynamicQuantizeLinear and MatMulInteger are fused from: 8 bits, one range for all of x.
std::string write_dynamic_per_tensor(GraphBuilder& graph, const std::string& x,
                                     const LinearContents& contents) {
  const IntegerWeight weight = integer_weight(graph, *contents.quantized);
  const std::vector<std::string> input = graph.add_multiple("DynamicQuantizeLinear", {x}, 3);
  const std::string product = multiply(graph, input[0], input[2], weight);
  const std::string scale = graph.add("Mul", {input[1], weight.scale});
  const std::string y = graph.add("Mul", {graph.cast(product, OnnxType::kFloat32), scale});
  return add_bias(graph, y, contents.bias);
}

/// scale zero_point sum(W): [rows, out], or [out].
std::string write_correction(GraphBuilder& graph, const DynamicCodes& input,
                             const IntegerWeight& weight) {
  const std::string amounts = graph.add("Mul", {input.scale, input.zero_point});
  return graph.add("Mul", {amounts, graph.constant("weight_sum", weight.sums)});
}

/// An integer product whose rows have ranges of their own: (codes - zero_point) W scale + bias.
std::string write_dynamic(GraphBuilder& graph, const std::string& x, const LinearContents& contents,
                          OnnxTarget target) {
  const IntegerWeight weight = integer_weight(graph, *contents.quantized);
  const DynamicCodes input = dynamic_codes(graph, x, contents.input->spec());
  std::string y;
  if (target == OnnxTarget::kOnnxRuntime) {
    y = multiply_to_float(graph, {input.codes, graph.scalar(1.0), ""}, weight, {});
  } else {
    const std::string product = multiply(graph, input.codes, "", weight);
    y = graph.add("Mul", {graph.cast(product, OnnxType::kFloat32), weight.scale});
  }
  y = graph.add("Mul", {y, input.scale});
  if (!input.zero_point.empty()) {
    y = graph.add("Sub", {y, write_correction(graph, input, weight)});
  }
  return add_bias(graph, y, contents.bias);
}

/// A product of float16, added to in float32.
std::string write_float16(GraphBuilder& graph, const std::string& x,
                          const LinearContents& contents) {
  const std::string weight = graph.constant("weight", contents.quantized->codes.t().contiguous());
  const std::string product =
      graph.add("MatMul", {graph.cast(x, OnnxType::kFloat16), weight});
  return add_bias(graph, graph.cast(product, OnnxType::kFloat32), contents.bias);
}

bool has_integer_product(const LinearContents& contents) {
  return contents.input != nullptr && has_integer_codes(contents.input->spec()) &&
         contents.quantized != nullptr && has_integer_codes(*contents.quantized);
}

LinearContents contents_of(const Linear& layer) {
  const std::optional<LinearContents> contents = layer.contents();
  if (!contents) throw InternalError("a layer that runs natively can't be exported");
  return *contents;
}

}  // namespace

std::string write_linear(GraphBuilder& graph, const std::string& x, const Linear& layer,
                         const OnnxOptions& options) {
  const LinearContents contents = contents_of(layer);
  const QuantizedTensor* weight = contents.quantized;
  require_fit(graph, contents, options);
  const bool for_onnx_runtime = options.target == OnnxTarget::kOnnxRuntime;
  if (has_integer_product(contents)) {
    if (contents.input->spec().range == RangeKind::kDynamic) {
      return options.per_tensor_ranges ? write_dynamic_per_tensor(graph, x, contents)
                                       : write_dynamic(graph, x, contents, options.target);
    }
    if (for_onnx_runtime) return write_static(graph, x, contents);
  }
  if (contents.input == nullptr && weight != nullptr) {
    if (weight->spec.format == Format::kFp16) return write_float16(graph, x, contents);
    if (for_onnx_runtime && fits_mat_mul_n_bits(*weight)) {
      return add_bias(graph, mat_mul_n_bits(graph, x, *weight), contents.bias);
    }
  }
  const std::string input = contents.input == nullptr ? x : simulate(graph, x, *contents.input);
  const std::string values = weight == nullptr
                                 ? graph.constant("weight", contents.weight.t().contiguous())
                                 : weight_values(graph, *weight, /*transposed=*/true);
  if (contents.input != nullptr && is_fp8(contents.input->spec())) {
    return add_gemm(graph, input, values, contents);
  }
  if (contents.is_float() && contents.bias.defined()) return add_gemm(graph, input, values, contents);
  const std::string product = graph.add("MatMul", {input, values});
  return contents.input == nullptr ? add_bias(graph, product, contents.bias)
                                   : subtract_negative_bias(graph, product, contents.bias);
}

std::string write_embedding(GraphBuilder& graph, const std::string& ids, const Embedding& layer) {
  const std::optional<EmbeddingContents> contents = layer.contents();
  if (!contents) throw InternalError("a wrapped embedding can't be exported");
  if (contents->quantized != nullptr) return look_up(graph, *contents->quantized, ids);
  return graph.add("Gather", {graph.constant("weight", contents->weight), ids});
}

int opset_of(const LinearContents& contents) {
  int opset = contents.quantized == nullptr ? 17 : opset_of(contents.quantized->spec);
  if (contents.input != nullptr && is_fp8(contents.input->spec())) opset = std::max(opset, 19);
  return opset;
}

void require_fit(const GraphBuilder& graph, const LinearContents& contents,
                 const OnnxOptions& options) {
  if (contents.input != nullptr) require_fit(graph, contents.input->spec(), options);
  if (options.target != OnnxTarget::kTensorRt || contents.quantized == nullptr) return;
  if (contents.quantized->spec.scheme == Scheme::kSymmetric) return;
  throw UsageError(cat(graph.scope(), ": TensorRT takes symmetric weights only, this one is \"",
                       contents.quantized->spec.describe(), "\"; quantize with fp8-max"));
}

void require_fit(const GraphBuilder& graph, const QuantizerSpec& activation,
                 const OnnxOptions& options) {
  if (options.target != OnnxTarget::kTensorRt) return;
  if (activation.scheme == Scheme::kSymmetric && activation.range == RangeKind::kStatic &&
      activation.granularity == Granularity::kTensor && format_info(activation.format).is_float) {
    return;
  }
  throw UsageError(cat(graph.scope(), ": TensorRT takes activations in FP8 with one fixed scale ",
                       "here, not \"", activation.describe(), "\"; quantize with fp8-max"));
}

}  // namespace clipq
