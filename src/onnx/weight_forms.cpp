#include "weight_forms.h"

#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "onnx_tensor.h"

namespace clipq {
namespace {

/// The largest and smallest block that MatMulNBits has kernels for.
constexpr std::int64_t kLeastBlock = 16;
constexpr std::int64_t kMostBlock = 256;
/// What a channel's scale is repeated for.
constexpr std::int64_t kChannelBlock = 128;
/// Products of integers, for which the operator quantizes its input in blocks of 8 bits, as it does
/// by default where ONNX Runtime makes it of a DequantizeLinear. With products of float32 it is
/// slower than the float model.
constexpr std::int64_t kIntegerAccuracy = 4;

OnnxType type_of(const QuantizedTensor& weight) {
  if (!is_packed(weight.spec)) return onnx_type_of(weight.codes.scalar_type());
  return weight.spec.is_affine() ? OnnxType::kUint4 : OnnxType::kInt4;
}

/// Codes or zero points of the weight's own type.
std::string constant_of(GraphBuilder& graph, const std::string& name, const at::Tensor& codes,
                        OnnxType type) {
  if (type == OnnxType::kInt4 || type == OnnxType::kUint4) {
    return graph.constant(name, onnx_tensor_of_4_bits(codes, type));
  }
  return graph.constant(name, codes.contiguous());
}

/// Scales or zero points [] (tensor), [out, 1] or [out, groups] as DequantizeLinear takes them: [],
/// [out], and [out, groups] or its transpose.
at::Tensor scales_as_input(const at::Tensor& scales, bool transposed) {
  if (scales.dim() == 0) return scales;
  if (scales.size(1) == 1) return scales.flatten();
  return (transposed ? scales.t() : scales).contiguous();
}

bool has_groups(const QuantizedTensor& weight) {
  return weight.spec.granularity == Granularity::kGroup &&
         weight.spec.groups_in(weight.columns) > 1;
}

std::int64_t block_of(const QuantizedTensor& weight) {
  return weight.spec.granularity == Granularity::kGroup ? weight.spec.group_size : kChannelBlock;
}

/// The scales of a weight [out, in] for each of its blocks: [out, blocks].
at::Tensor block_scales(const at::Tensor& scales, std::int64_t rows, std::int64_t blocks) {
  return scales.expand({rows, blocks});
}

/// Rows of whole blocks.
at::Tensor padded(const at::Tensor& codes, std::int64_t columns, double filling) {
  return at::constant_pad_nd(codes, {0, columns - codes.size(1)}, filling);
}

at::Tensor packed_pairs(const at::Tensor& codes) {
  const at::Tensor pairs = codes.view({codes.size(0), -1, 2});
  return pairs.select(-1, 0).add(pairs.select(-1, 1).mul(16));
}

}  // namespace

std::string weight_values(GraphBuilder& graph, const QuantizedTensor& weight, bool transposed) {
  const OnnxType type = type_of(weight);
  const at::Tensor stored = codes_of(weight);
  const std::string codes = constant_of(graph, "weight", transposed ? stored.t() : stored, type);
  if (!format_info(weight.spec.format).scaled) return graph.cast(codes, OnnxType::kFloat32);
  const at::Tensor scales = scales_as_input(weight.scales.scale, transposed);
  std::vector<std::string> inputs = {codes, graph.constant("weight_scale", scales)};
  if (weight.spec.is_affine()) {
    const at::Tensor zero_points = scales_as_input(weight.scales.zero_point, transposed);
    inputs.push_back(constant_of(graph, "weight_zero_point", zero_points.to(at::kByte), type));
  }
  OnnxAttributes attributes;
  const bool in_groups = scales.dim() == 2;
  // Channels are the last dimension of a transposed weight, columns its first.
  if (scales.dim() > 0) attributes.emplace_back("axis", std::int64_t{in_groups != transposed});
  if (in_groups) attributes.emplace_back("block_size", std::int64_t{weight.spec.group_size});
  return graph.add("DequantizeLinear", std::move(inputs), std::move(attributes));
}

std::string cast_values(GraphBuilder& graph, const QuantizedTensor& weight) {
  const std::string codes = graph.constant("weight", weight.codes.t().contiguous());
  const at::Tensor scales = scales_as_input(weight.scales.scale, /*transposed=*/true);
  return graph.add("Mul",
                   {graph.cast(codes, OnnxType::kFloat32), graph.constant("weight_scale", scales)});
}

std::string kernel_values(GraphBuilder& graph, const QuantizedTensor& weight,
                          const std::vector<std::int64_t>& shape) {
  if (is_packed(weight.spec) || weight.spec.granularity == Granularity::kGroup) {
    return graph.reshape(weight_values(graph, weight, /*transposed=*/false), graph.ints(shape));
  }
  QuantizedTensor kernels = weight;
  kernels.codes = weight.codes.view(shape);
  const FormatInfo& format = format_info(weight.spec.format);
  const bool is_fp8 = format.is_float && format.scaled;
  if (!is_fp8 || graph.target() == OnnxTarget::kTensorRt) {
    return weight_values(graph, kernels, /*transposed=*/false);
  }
  const at::Tensor& scales = weight.scales.scale;
  const at::Tensor factors = scales.dim() == 0 ? scales : scales.view({-1, 1, 1, 1});
  return graph.add("Mul", {graph.cast(graph.constant("weight", kernels.codes), OnnxType::kFloat32),
                           graph.constant("weight_scale", factors)});
}

IntegerWeight integer_weight(GraphBuilder& graph, const QuantizedTensor& weight) {
  const auto as_input = [](const at::Tensor& scales) {
    return scales_as_input(scales, /*transposed=*/true);
  };
  at::Tensor codes = weight.codes.to(at::kInt);
  IntegerWeight out;
  out.codes = graph.constant("weight", weight.codes.t().contiguous());
  out.scale = graph.constant("weight_scale", as_input(weight.scales.scale));
  if (weight.spec.is_affine()) {
    const at::Tensor& zero_point = weight.scales.zero_point;
    out.zero_point = graph.constant("weight_zero_point", as_input(zero_point).to(at::kByte));
    codes = codes.sub(zero_point.to(at::kInt));
  }
  out.sums = codes.sum(at::IntArrayRef{1}).to(at::kFloat).mul(as_input(weight.scales.scale));
  return out;
}

bool has_integer_codes(const QuantizedTensor& weight) {
  return weight.spec.format == Format::kInt8 && !has_groups(weight);
}

bool fits_mat_mul_n_bits(const QuantizedTensor& weight) {
  const QuantizerSpec& spec = weight.spec;
  const std::int64_t block = block_of(weight);
  const bool is_power_of_two = (block & (block - 1)) == 0;
  return !format_info(spec.format).is_float && spec.scheme == Scheme::kSymmetric &&
         is_power_of_two && block >= kLeastBlock && block <= kMostBlock;
}

std::string mat_mul_n_bits(GraphBuilder& graph, const std::string& x,
                           const QuantizedTensor& weight) {
  const std::int64_t rows = weight.codes.size(0);
  const std::int64_t block = block_of(weight);
  const std::int64_t blocks = (weight.columns + block - 1) / block;
  const std::int64_t bits = is_packed(weight.spec) ? 4 : 8;
  // The operator's zero point is in the middle of unsigned codes.
  const double middle = bits == 4 ? 8 : 128;
  at::Tensor codes = codes_of(weight).to(at::kShort).add(middle).to(at::kByte);
  codes = padded(codes, blocks * block, middle);
  if (bits == 4) codes = packed_pairs(codes);
  const at::Tensor scales = block_scales(weight.scales.scale, rows, blocks).contiguous();
  return graph.add(
      "MatMulNBits",
      {x, graph.constant("weight", codes.view({rows, blocks, block * bits / 8}).contiguous()),
       graph.constant("weight_scale", scales)},
      {{"K", weight.columns},
       {"N", rows},
       {"bits", bits},
       {"block_size", block},
       {"accuracy_level", kIntegerAccuracy}},
      kContribDomain);
}

std::string look_up(GraphBuilder& graph, const QuantizedTensor& table, const std::string& ids) {
  const QuantizerSpec& spec = table.spec;
  const bool is_fp8 = format_info(spec.format).is_float && format_info(spec.format).scaled;
  if (is_packed(spec) || is_fp8 || has_groups(table)) {
    // Runtimes have no Gather of these types, nor scales of groups for one.
    return graph.add("Gather", {weight_values(graph, table, /*transposed=*/false), ids});
  }
  const auto rows_of = [&](const char* name, const at::Tensor& tensor) {
    const std::string constant = graph.constant(name, tensor);
    return tensor.dim() == 0 ? constant : graph.add("Gather", {constant, ids});
  };
  std::string values = graph.cast(rows_of("weight", table.codes), OnnxType::kFloat32);
  if (!format_info(spec.format).scaled) return values;
  if (spec.is_affine()) {
    values = graph.add("Sub", {values, rows_of("weight_zero_point", table.scales.zero_point)});
  }
  return graph.add("Mul", {values, rows_of("weight_scale", table.scales.scale)});
}

int opset_of(const QuantizerSpec& weight) {
  if (is_packed(weight) || weight.granularity == Granularity::kGroup) return 21;
  const FormatInfo& format = format_info(weight.format);
  return format.is_float && format.scaled ? 19 : 17;
}

}  // namespace clipq
