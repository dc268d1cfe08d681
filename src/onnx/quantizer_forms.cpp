#include "quantizer_forms.h"

#include <limits>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "onnx_tensor.h"

namespace clipq {
namespace {

double number(const at::Tensor& scalar) { return scalar.item<double>(); }

bool is_affine(const QuantizerSpec& spec) { return spec.scheme == Scheme::kAffine; }

bool is_float(const QuantizerSpec& spec) { return format_info(spec.format).is_float; }

at::ScalarType code_type(const QuantizerSpec& spec) {
  return is_affine(spec) ? at::kByte : spec.code_dtype();
}

/// The least and greatest code.
struct CodeRange {
  double low;
  double high;
};

CodeRange codes_of(const QuantizerSpec& spec) {
  return {is_affine(spec) ? 0 : -spec.max_code(), spec.max_code()};
}

/// Those that QuantizeLinear keeps to by itself.
CodeRange codes_of_type(const QuantizerSpec& spec) {
  if (is_float(spec)) return codes_of(spec);
  return is_affine(spec) ? CodeRange{0, 255} : CodeRange{-128, 127};
}

/// x kept to what the quantizer's codes can stand for, where their type has more of them. By Min
/// and Max: OpenVINO 2026.4 computes a Clip before a QuantizeLinear wrongly.
std::string within_codes(GraphBuilder& graph, std::string x, const QuantizerSpec& spec,
                         double scale, double zero_point) {
  const CodeRange codes = codes_of(spec);
  const CodeRange all = codes_of_type(spec);
  const auto end = [&](double code) { return graph.scalar((code - zero_point) * scale); };
  if (codes.high < all.high) x = graph.add("Min", {x, end(codes.high)});
  if (codes.low > all.low) x = graph.add("Max", {x, end(codes.low)});
  return x;
}

void require_no_groups(const GraphBuilder& graph, const QuantizerSpec& spec) {
  if (spec.granularity != Granularity::kGroup) return;
  throw UsageError(cat(graph.scope(), ": an activation with ", granularity_text(spec),
                       " scales has no form in ONNX; quantize with \"token\" or \"tensor\" "
                       "granularity, as int8-dynamic and int8-smooth do"));
}

/// QuantizeLinear and DequantizeLinear with one scale.
std::string quantize_dequantize(GraphBuilder& graph, const std::string& x, const std::string& scale,
                                const std::string& zero_point) {
  const std::string codes = graph.add("QuantizeLinear", {x, scale, zero_point});
  return graph.add("DequantizeLinear", {codes, scale, zero_point});
}

std::string simulate_static(GraphBuilder& graph, const std::string& x,
                            const ActivationQuantizer& quantizer) {
  const QuantizerSpec& spec = quantizer.spec();
  const Scales& scales = quantizer.scales();
  const double zero_point = is_affine(spec) ? number(scales.zero_point) : 0;
  const double scale = number(scales.scale);
  return quantize_dequantize(
      graph, within_codes(graph, x, spec, scale, zero_point), graph.scalar(scale),
      graph.constant("zero_point", at::Tensor(scales.scale.new_full({}, zero_point))
                                       .to(code_type(spec))));
}

/// Each half of the numbers has a scale of its own.
std::string simulate_twin(GraphBuilder& graph, const std::string& x,
                          const ActivationQuantizer& quantizer) {
  const QuantizerSpec& spec = quantizer.spec();
  const std::string zero = graph.scalar(std::int64_t{0}, at::kChar);
  const auto half = [&](const char* side, const at::Tensor& scale) {
    const std::string part = graph.add(side, {x, graph.scalar(0.0)});
    return quantize_dequantize(graph, within_codes(graph, part, spec, number(scale), 0),
                               graph.scalar(number(scale)), zero);
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
  if (!is_affine(spec)) {
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
    const std::string one = graph.scalar(1.0);
    codes = quantize_dequantize(graph, codes, one,
                                graph.scalar(std::int64_t{0}, spec.code_dtype()));
    return graph.add("Mul", {codes, scales.scale});
  }
  codes = graph.add("Round", {codes});
  if (!is_affine(spec)) {
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
  if (is_affine(spec)) codes = graph.add("Add", {codes, scales.zero_point});
  const at::ScalarType type = code_type(spec);
  codes = graph.add("QuantizeLinear", {codes, graph.scalar(1.0), graph.scalar(std::int64_t{0}, type)});
  // By construction no code is below the lowest; rounding may take one above the highest.
  const auto largest = static_cast<std::int64_t>(spec.max_code());
  if (spec.bits < 8) codes = graph.add("Min", {codes, graph.scalar(largest, type)});
  return {codes, scales.scale,
          is_affine(spec) ? graph.cast(scales.zero_point, OnnxType::kInt32) : ""};
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
  return twin ? simulate_twin(graph, x, quantizer) : simulate_static(graph, x, quantizer);
}

}  // namespace clipq
