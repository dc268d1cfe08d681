#include "examine_paths.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstdint>

#include "clipq/kernels/dequantized_linear.h"
#include "clipq/kernels/integer_path.h"

namespace clipq {
namespace {

constexpr std::int64_t kRows = 8;
/// Few enough that sums of 8 x 8 bits stay below 2^24, where float32, which oneDNN returns, is
/// exact.
constexpr std::int64_t kDepth = 128;
constexpr std::int64_t kColumns = 64;
constexpr std::int8_t kWeightLimit = 127;

/// Columns of only the largest codes, only the smallest, and both alternating in pairs and fours.
std::vector<std::int8_t> extreme_weight() {
  std::vector<std::int8_t> codes;
  for (std::int64_t column = 0; column < kColumns; ++column) {
    for (std::int64_t k = 0; k < kDepth; ++k) {
      const std::int64_t kind = column % 4;
      const bool negative =
          kind == 1 || (kind == 2 && k / 2 % 2 == 1) || (kind == 3 && k / 4 % 2 == 1);
      codes.push_back(negative ? -kWeightLimit : kWeightLimit);
    }
  }
  return codes;
}

std::vector<std::int32_t> products(const IntegerPath& path, const IntegerWeight& weight) {
  const std::vector<std::uint8_t> codes(kRows * kDepth,
                                        static_cast<std::uint8_t>(weight.input_limit));
  std::vector<std::int32_t> out(kRows * kColumns);
  path.pack(weight)->multiply(
      codes.data(), kRows, kDepth, 0, kColumns, [&out](const AccumulatorTile& tile) {
        for (std::int64_t i = 0; i < tile.rows; ++i) {
          for (std::int64_t j = 0; j < tile.columns; ++j) {
            out[(tile.row + i) * kColumns + tile.column + j] = tile.values[i * tile.stride + j];
          }
        }
      });
  return out;
}

/// Numbers from their bits, zero in NaN's place.
at::Tensor e4m3_of(const at::Tensor& bits) {
  const at::Tensor bytes = bits.remainder(256).to(at::kByte);
  return bytes.masked_fill(bytes.bitwise_and(0x7F).eq(0x7F), 0).view(at::kFloat8_e4m3fn);
}

/// Every E4M3 number times some of both signs and all magnitudes. Of each row all values but one
/// are zero, so that a sum is a product.
std::vector<float> fp8_products(const FloatPath& path) {
  constexpr std::int64_t kNumbers = 256;
  constexpr std::int64_t kFp8Rows = 64;
  QuantizerSpec spec;
  spec.format = Format::kFp8E4M3;
  const Scales scales = scales_for(spec, {at::zeros({}), at::full({}, spec.max_code())});
  const at::Tensor column = at::arange(kNumbers, at::kInt).unsqueeze(1);
  const at::Tensor row = at::arange(kFp8Rows, at::kInt);
  const QuantizedTensor weight = {spec, e4m3_of(column.add(row.mul(37))), kFp8Rows, scales};
  const ActivationQuantizer input = ActivationQuantizer::with_scales(spec, scales);
  const DequantizedLinear linear(weight, {}, &input, &path);
  const at::Tensor rows = at::diag(e4m3_of(row.mul(4).add(1)).to(at::kFloat)).contiguous();
  InputPanel panel;
  linear.load_rows(panel, rows.const_data_ptr<float>(), kFp8Rows, kFp8Rows);
  std::vector<float> products(kFp8Rows * kNumbers);
  linear.run(panel, {.out = products.data(), .stride = kNumbers});
  return products;
}

}  // namespace

std::vector<PathExamination> examine_integer_paths() {
  const std::vector<std::int8_t> codes = extreme_weight();
  const IntegerWeight seven = {codes.data(), kColumns, kDepth, kWeightLimit, 127};
  const IntegerWeight eight = {codes.data(), kColumns, kDepth, kWeightLimit, 255};
  const IntegerPath& portable = integer_paths().back();
  const std::vector<std::int32_t> expected_seven = products(portable, seven);
  const std::vector<std::int32_t> expected_eight = products(portable, eight);
  std::vector<PathExamination> examinations;
  for (const IntegerPath& path : integer_paths()) {
    PathExamination& examined = examinations.emplace_back();
    examined.name = path.name;
    examined.supported = path.supported();
    if (!examined.supported) continue;
    examined.exact_7_bits = products(path, seven) == expected_seven;
    examined.exact_8_bits = products(path, eight) == expected_eight;
    examined.taken_8_bits = path.exact(eight);
  }
  return examinations;
}

std::vector<FloatPathExamination> examine_float_paths() {
  const std::vector<float> expected = fp8_products(float_paths().back());
  std::vector<FloatPathExamination> examinations;
  for (const FloatPath& path : float_paths()) {
    FloatPathExamination& examined = examinations.emplace_back();
    examined.name = path.name;
    examined.supported = path.supported();
    if (examined.supported) examined.exact_fp8 = fp8_products(path) == expected;
  }
  return examinations;
}

}  // namespace clipq
