#include "quantizer_forms.h"

#include <limits>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "onnx_tensor.h"

namespace clipq {
namespace {

double number(const at::Tensor& scalar) { return scalar.item<double>(); }

bool is_float(const QuantizerSpec& spec) { return format_info(spec.format).is_float; }

at::ScalarType code_type(const QuantizerSpec& spec) {
  return spec.is_affine() ? at::kByte : spec.code_dtype();
}

/// The least and greatest code.
struct CodeRange {
  double low;
  double high;
};

CodeRange codes_of(const QuantizerSpec& spec) {
  return {spec.is_affine() ? 0 : -spec.max_code(), spec.max_code()};
}

/// Those that QuantizeLinear keeps to by itself.
CodeRange codes_of_type(const QuantizerSpec& spec) {
  if (is_float(spec)) return codes_of(spec);
  return spec.is_affine() ? CodeRange{0, 255} : CodeRange{-128, 127};
}

/// Codes kept to those that the quantizer has, where their type has more. By a Clip of codes, not
/// of values, which OpenVINO 2026.4 computes wrongly before a QuantizeLinear.
std::string within_codes(GraphBuilder& graph, const std::string& codes, const QuantizerSpec& spec) {
  const CodeRange range = codes_of(spec);
  const CodeRange all = codes_of_type(spec);
  if (range.low <= all.low && range.high >= all.high) return codes;
  const auto end = [&](double code, bool needed) {
    return needed ? graph.scalar(static_cast<std::int64_t>(code), code_type(spec)) : "";
  };
  std::vector<std::string> inputs = {codes, end(range.low, range.low > all.low),
                                     end(range.high, range.high < all.high)};
  if (inputs.back().empty()) inputs.pop_back();
  return graph.add("Clip", std::move(inputs));
}

void require_no_groups(const GraphBuilder& graph, const QuantizerSpec& spec) {
  if (spec.granularity != Granularity::kGroup) return;
  throw UsageError(cat(graph.scope(), ": an activation with ", granularity_text(spec),
                       " scales has no form in ONNX; quantize with \"token\" or \"tensor\" "
                       "granularity, as int8-dynamic and int8-smooth do"));
}

/// Before FP8, something that changes no value but keeps the quantizer where it is: before ONNX
/// Runtime 1.32 it was moved across a Transpose, which has no kernel for FP8.
std::string held_back(GraphBuilder& graph, const std::string& x, double scale,
                      const QuantizerSpec& spec) {
  if (!is_float(spec) || graph.target() == OnnxTarget::kTensorRt) return x;
  return graph.add("Min", {x, graph.scalar(scale * spec.max_code())});
}

StaticCodes quantize(GraphBuilder& graph, const std::string& x, double scale, double zero_point,
                     const QuantizerSpec& spec) {
  StaticCodes out;
  out.scale = graph.scalar(scale);
  out.zero_point = graph.scalar(static_cast<std::int64_t>(zero_point), code_type(spec));
  const std::string codes =
      graph.add("QuantizeLinear", {held_back(graph, x, scale, spec), out.scale, out.zero_point});
  out.codes = within_codes(graph, codes, spec);
  return out;
}

std::string dequantize(GraphBuilder& graph, const StaticCodes& quantized) {
  return graph.add("DequantizeLinear", {quantized.codes, quantized.scale, quantized.zero_point});
}

/// Each half of the numbers has a scale of its own.
std::string simulate_twin(GraphBuilder& graph, const std::string& x,
                          const ActivationQuantizer& quantizer) {
  const auto half = [&](const char* side, const at::Tensor& scale) {
    const std::string part = graph.add(side, {x, graph.scalar(0.0)});
    return dequantize(graph, quantize(graph, part, number(scale), 0, quantizer.spec()));
  };
  return graph.add("Add", {half("Max", quantizer.scales().scale),
                           half("Min", quantizer.scales().negative_scale)});
}

/// The smallest and largest value of each row, or of all of x, widened to zero.
struct Ends {
  std::string low;
  std::string high;
};

Ends ends_of(GraphBuilder& graph, const std::string& x, const QuantizerSpec& spec) {
  const bool over_all = spec.granularity == Granularity::kTensor;
  return {graph.add("Min", {graph.reduce("ReduceMin", x, over_all), graph.scalar(0.0)}),
          graph.add("Max", {graph.reduce("ReduceMax", x, over_all), graph.scalar(0.0)})};
}

struct DynamicScales {
  std::string scale;
  std::string zero_point;  ///< float32; empty: symmetric
};

/// @param amount what the codes from zero to the largest stand for
std::string scale_of(GraphBuilder& graph, const std::string& amount, const QuantizerSpec& spec) {
  return graph.add("Max", {graph.add("Div", {amount, graph.scalar(spec.max_code())}),
                           graph.scalar(std::numeric_limits<float>::min())});
}

DynamicScales dynamic_scales(GraphBuilder& graph, const std::string& x, const QuantizerSpec& spec) {
  const Ends ends = ends_of(graph, x, spec);
  const std::string below = graph.add("Neg", {ends.low});
  if (!spec.is_affine()) {
    return {scale_of(graph, graph.add("Max", {below, ends.high}), spec), ""};
  }
  const std::string scale = scale_of(graph, graph.add("Sub", {ends.high, ends.low}), spec);
  const std::string zero_point = graph.add("Round", {graph.add("Div", {below, scale})});
  return {scale, graph.clip(zero_point, 0, spec.max_code())};
}

/// Rounded where values are whole numbers of scales.
std::string simulate_dynamic(GraphBuilder& graph, const std::string& x, const QuantizerSpec& spec) {
  const DynamicScales scales = dynamic_scales(graph, x, spec);
  std::string codes = graph.add("Div", {x, scales.scale});
  const double largest = spec.max_code();
  if (is_float(spec)) {
    const std::string rounded = dequantize(graph, quantize(graph, codes, 1, 0, spec));
    return graph.add("Mul", {rounded, scales.scale});
  }
  codes = graph.add("Round", {codes});
  if (!spec.is_affine()) {
    return graph.add("Mul", {graph.clip(codes, -largest, largest), scales.scale});
  }
  codes = graph.clip(graph.add("Add", {codes, scales.zero_point}), 0, largest);
  return graph.add("Mul", {graph.add("Sub", {codes, scales.zero_point}), scales.scale});
}

std::string simulate_dynamic_twin(GraphBuilder& graph, const std::string& x,
                                  const QuantizerSpec& spec) {
  const Ends ends = ends_of(graph, x, spec);
  const auto half = [&](const char* side, const std::string& end, double low, double high) {
    const std::string scale = scale_of(graph, end, spec);
    const std::string part = graph.add(side, {x, graph.scalar(0.0)});
    const std::string codes = graph.add("Round", {graph.add("Div", {part, scale})});
    return graph.add("Mul", {graph.clip(codes, low, high), scale});
  };
  const double largest = spec.max_code();
  return graph.add("Add", {half("Max", ends.high, 0, largest),
                           half("Min", graph.add("Neg", {ends.low}), -largest, 0)});
}

}  // namespace

bool has_integer_codes(const QuantizerSpec& spec) {
  return spec.format == Format::kInt8 && spec.scheme != Scheme::kTwin &&
         spec.granularity != Granularity::kGroup;
}

DynamicCodes dynamic_codes(GraphBuilder& graph, const std::string& x, const QuantizerSpec& spec) {
  const DynamicScales scales = dynamic_scales(graph, x, spec);
  // A QuantizeLinear with a scale for each row would do, but OpenVINO takes none whose number is
  // known at run time only.
  std::string codes = graph.add("Div", {x, scales.scale});
  if (spec.is_affine()) {
    codes = graph.add("Add", {graph.add("Round", {codes}), scales.zero_point});
  }
  return {quantize(graph, codes, 1, 0, spec).codes, scales.scale, scales.zero_point};
}

StaticCodes static_codes(GraphBuilder& graph, const std::string& x,
                         const ActivationQuantizer& quantizer) {
  const Scales& scales = quantizer.scales();
  const double zero_point = quantizer.spec().is_affine() ? number(scales.zero_point) : 0;
  return quantize(graph, x, number(scales.scale), zero_point, quantizer.spec());
}

std::string simulate(GraphBuilder& graph, const std::string& x,
                     const ActivationQuantizer& quantizer) {
  const QuantizerSpec& spec = quantizer.spec();
  require_no_groups(graph, spec);
  if (!format_info(spec.format).scaled) {
    return graph.cast(graph.cast(x, onnx_type_of(spec.code_dtype())), OnnxType::kFloat32);
  }
  const bool twin = spec.scheme == Scheme::kTwin;
  if (spec.range == RangeKind::kDynamic) {
    return twin ? simulate_dynamic_twin(graph, x, spec) : simulate_dynamic(graph, x, spec);
  }
  return twin ? simulate_twin(graph, x, quantizer)
              : dequantize(graph, static_codes(graph, x, quantizer));
}

}  // namespace clipq
