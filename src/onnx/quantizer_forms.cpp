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

/// Whether QuantizeLinear itself keeps to the codes. Symmetric int8 has no code -128.
bool fills_type(const QuantizerSpec& spec) {
  return is_float(spec) || (is_affine(spec) && spec.bits == 8);
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

std::string simulate_static(GraphBuilder& graph, std::string x,
                            const ActivationQuantizer& quantizer) {
  const QuantizerSpec& spec = quantizer.spec();
  const Scales& scales = quantizer.scales();
  const double zero_point = is_affine(spec) ? number(scales.zero_point) : 0;
  const double scale = number(scales.scale);
  if (!fills_type(spec)) {
    const double low = is_affine(spec) ? 0 : -spec.max_code();
    x = graph.clip(x, (low - zero_point) * scale, (spec.max_code() - zero_point) * scale);
  }
  return quantize_dequantize(
      graph, x, graph.scalar(scale),
      graph.constant("zero_point", at::Tensor(scales.scale.new_full({}, zero_point))
                                       .to(code_type(spec))));
}

/// Each half of the numbers has a scale of its own.
std::string simulate_twin(GraphBuilder& graph, const std::string& x,
                          const ActivationQuantizer& quantizer) {
  const QuantizerSpec& spec = quantizer.spec();
  const std::string zero = graph.scalar(std::int64_t{0}, at::kChar);
  const auto half = [&](const char* side, const at::Tensor& scale, double sign) {
    std::string part = graph.add(side, {x, graph.scalar(0.0)});
    const double end = sign * spec.max_code() * number(scale);
    part = graph.clip(part, std::min(end, 0.0), std::max(end, 0.0));
    return quantize_dequantize(graph, part, graph.scalar(number(scale)), zero);
  };
  return graph.add("Add", {half("Max", quantizer.scales().scale, 1),
                           half("Min", quantizer.scales().negative_scale, -1)});
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
    codes = quantize_dequantize(graph, graph.clip(codes, -largest, largest), one,
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
  const bool per_row = spec.granularity == Granularity::kToken;
  const auto as_row_values = [&](const std::string& value) {
    return per_row ? graph.reshape(value, graph.ints({-1})) : value;
  };
  DynamicCodes out = {"", scales.scale, ""};
  std::string zero_point = graph.scalar(std::int64_t{0}, at::kChar);
  if (is_affine(spec)) {
    out.zero_point = graph.cast(scales.zero_point, OnnxType::kInt32);
    zero_point = as_row_values(graph.cast(scales.zero_point, OnnxType::kUint8));
  } else if (per_row) {
    zero_point = as_row_values(graph.cast(
        graph.add("Mul", {scales.scale, graph.scalar(0.0)}), OnnxType::kInt8));
  }
  out.codes = graph.add("QuantizeLinear", {x, as_row_values(scales.scale), zero_point},
                        {{"axis", std::int64_t{0}}});
  if (!fills_type(spec)) {
    const at::ScalarType type = code_type(spec);
    const auto largest = static_cast<std::int64_t>(spec.max_code());
    out.codes = graph.add("Clip", {out.codes,
                                   graph.scalar(is_affine(spec) ? std::int64_t{0} : -largest, type),
                                   graph.scalar(largest, type)});
  }
  return out;
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
