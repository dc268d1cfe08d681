#include "clipq/kernels/row_kernels.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "clipq/kernels/integer_linear.h"
#include "tensors.h"

namespace clipq {
namespace {

using testing::max_difference;
using testing::random_normal;

QuantizerSpec row_spec(Scheme scheme, RangeKind range, int bits) {
  QuantizerSpec spec;
  spec.bits = bits;
  spec.scheme = scheme;
  spec.range = range;
  spec.granularity = range == RangeKind::kDynamic ? Granularity::kToken : Granularity::kTensor;
  return spec;
}

/// Rows that are hard to quantize: ordinary, constant, zero, one-sided, huge, tiny, and one with
/// values halfway between codes.
at::Tensor hard_integer_rows(std::int64_t width) {
  const at::Tensor x = random_normal({8, width}, 3);
  x[1].fill_(0.3);
  x[2].zero_();
  x[3].abs_().add_(1);
  x[4].abs_().neg_();
  x[5].mul_(1e30);
  x[6].mul_(1e-41);
  x[7].copy_(at::linspace(-1, 1, width).mul(127).floor().add(0.5));
  return x;
}

class EveryRule : public ::testing::TestWithParam<std::tuple<Scheme, RangeKind, int>> {};

TEST_P(EveryRule, CodesAreThoseOfTheReferenceNumerics) {
  const auto [scheme, range, bits] = GetParam();
  const QuantizerSpec spec = row_spec(scheme, range, bits);
  for (const std::int64_t width : {1, 3, 15, 16, 17, 64, 100, 768}) {
    const at::Tensor x = hard_integer_rows(width);
    const Scales scales = range == RangeKind::kDynamic
                              ? scales_for(spec, range_of(x, spec))
                              : scales_for(spec, {at::full({}, -1.5F), at::full({}, 2.5F)});
    const auto quantizer = range == RangeKind::kDynamic
                               ? ActivationQuantizer::dynamic(spec)
                               : ActivationQuantizer::with_scales(spec, scales);
    const QuantizedTensor expected = quantize(x, spec, scales);
    const QuantizedTensor weight =
        quantize(random_normal({2, width}, 4), QuantizerSpec{}, {at::full({}, 0.1F), {}, {}});
    const IntegerLinear linear(weight, {}, quantizer, &find_integer_path("portable", ""));
    const int offset = scheme == Scheme::kSymmetric ? 1 << (bits - 1) : 0;
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(width));
    for (std::int64_t row = 0; row < x.size(0); ++row) {
      const RowScale scale =
          quantize_row(x[row].const_data_ptr<float>(), width, linear.rule(), codes.data());
      const at::Tensor row_scale = range == RangeKind::kDynamic ? scales.scale[row] : scales.scale;
      EXPECT_EQ(scale.scale, row_scale.item<float>()) << "row " << row;
      for (std::int64_t i = 0; i < width; ++i) {
        ASSERT_EQ(codes[static_cast<std::size_t>(i)] - offset, expected.codes[row][i].item<int>())
            << "row " << row << " of " << width << ", value " << x[row][i].item<float>();
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(QuantizeRow, EveryRule,
                         ::testing::Combine(::testing::Values(Scheme::kSymmetric, Scheme::kAffine),
                                            ::testing::Values(RangeKind::kStatic,
                                                              RangeKind::kDynamic),
                                            ::testing::Values(7, 8)));

TEST(QuantizeRow, ARowThatIsNotFiniteHasTheScaleNaN) {
  std::vector<std::uint8_t> codes(20);
  CodeRule rule;
  rule.per_row = true;
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::size_t where : {0, 7, 19}) {
      std::vector<float> x(20, 0.5F);
      x[where] = bad;
      EXPECT_TRUE(std::isnan(quantize_row(x.data(), 20, rule, codes.data()).scale)) << bad;
    }
  }
}

TEST(NormalizeRow, IsLayerNormalization) {
  for (const std::int64_t width : {1, 7, 16, 100, 768}) {
    const at::Tensor x = random_normal({3, width}, 5).mul_(3).add_(10);
    const at::Tensor weight = random_normal({width}, 6);
    const at::Tensor bias = random_normal({width}, 7);
    for (const double eps : {1e-5, 0.25}) {
      at::Tensor out = at::empty_like(x);
      for (std::int64_t row = 0; row < 3; ++row) {
        normalize_row(x[row].const_data_ptr<float>(), weight.const_data_ptr<float>(),
                      bias.const_data_ptr<float>(), width, static_cast<float>(eps),
                      out[row].mutable_data_ptr<float>());
      }
      // Means near 10 leave float32 about 1e-6 of the deviations.
      EXPECT_LT(max_difference(out, at::layer_norm(x, {width}, weight, bias, eps)), 2e-5)
          << width << " " << eps;
    }
  }
}

class EveryActivation : public ::testing::TestWithParam<Activation> {};

TEST_P(EveryActivation, IsThatOfTheFloatModel) {
  const at::Tensor x = at::cat({at::linspace(-12, 12, 4801), at::tensor({-1e4F, 1e4F, 0.F})});
  const std::int64_t count = x.numel();
  // Products of 1 with no zero point, a scale of 1 and x as the bias leave x.
  const at::Tensor zeros = at::zeros({count}, at::kInt);
  const at::Tensor scales = at::full({count}, 1.F);
  const RowScale row = {1, 0};
  at::Tensor out = at::zeros({count});
  const AccumulatorTile tile = {zeros.const_data_ptr<std::int32_t>(), count, 0, 1, 0, count};
  finish_tile(tile, {.rows = &row,
                     .column_scales = scales.const_data_ptr<float>(),
                     .column_sums = zeros.const_data_ptr<std::int32_t>(),
                     .bias = x.const_data_ptr<float>(),
                     .activation = GetParam(),
                     .out = out.mutable_data_ptr<float>(),
                     .out_stride = count});
  const at::Tensor expected = apply(GetParam(), x.to(at::kDouble));
  const at::Tensor error = out.to(at::kDouble).sub(expected).abs();
  // erf's approximation is within 1.5e-7, which GELU multiplies with x / 2.
  EXPECT_LT(error.div(x.abs().clamp_min(1)).max().item<double>(), 3e-7);
}

INSTANTIATE_TEST_SUITE_P(FinishTile, EveryActivation, ::testing::ValuesIn(activations()),
                         [](const auto& test) { return std::string(name_of(test.param)); });

/// A tile of products, and what finishes it.
struct TileCase {
  static constexpr std::int64_t kRows = 5;

  TileCase(std::int64_t columns, bool one_scale)
      : products(random_normal({kRows, columns}, 1).mul_(5e3).to(at::kInt)),
        sums(random_normal({columns}, 2).mul_(300).to(at::kInt)),
        scales(random_normal({columns}, 3).abs_().mul_(1e-2)),
        bias(random_normal({columns}, 4)),
        residual(random_normal({kRows, columns}, 5)) {
    for (std::int64_t row = 0; row < kRows; ++row) {
      rows.push_back(one_scale ? RowScale{0.02F, 3}
                               : RowScale{0.01F * static_cast<float>(row + 1),
                                          static_cast<std::int32_t>(row)});
    }
  }

  at::Tensor products, sums, scales, bias, residual;
  std::vector<RowScale> rows;
  CodeRule rule = {.scale = 0.05F, .zero_point = 7, .lowest = 0, .highest = 200};

  TileFinish finish() const {
    TileFinish finish{};
    finish.rows = rows.data();
    finish.column_scales = scales.const_data_ptr<float>();
    finish.column_sums = sums.const_data_ptr<std::int32_t>();
    finish.bias = bias.const_data_ptr<float>();
    finish.out_stride = products.size(1);
    return finish;
  }

  void run(const TileFinish& finish) const {
    const std::int64_t columns = products.size(1);
    finish_tile({products.const_data_ptr<std::int32_t>(), columns, 0, kRows, 0, columns}, finish);
  }

  at::Tensor expected(bool add, bool relu) const {
    at::Tensor out = at::empty({kRows, products.size(1)});
    for (std::int64_t row = 0; row < kRows; ++row) {
      const RowScale& scale = rows[static_cast<std::size_t>(row)];
      const at::Tensor exact = products[row].sub(sums.mul(scale.zero_point)).to(at::kDouble);
      out[row] = exact.mul(scales.to(at::kDouble)).mul(scale.scale).add(bias);
    }
    if (add) out = out.add(residual);
    return relu ? out.clamp_min(0) : out;
  }
};

TEST(FinishTile, AddsTheResidualThenTakesReLUThenMakesCodes) {
  for (const std::int64_t columns : {1, 15, 64, 100}) {
    for (const bool one_scale : {false, true}) {
      const TileCase tile(columns, one_scale);
      TileFinish finish = tile.finish();
      finish.uniform = one_scale;
      finish.add = true;
      finish.relu = true;
      at::Tensor out = tile.residual.clone();
      at::Tensor codes = at::zeros(out.sizes(), at::kByte);
      finish.out = out.mutable_data_ptr<float>();
      finish.codes = codes.mutable_data_ptr<std::uint8_t>();
      finish.codes_stride = columns;
      finish.rule = &tile.rule;
      tile.run(finish);
      EXPECT_LT(max_difference(out, tile.expected(true, true)), 1e-4) << columns;
      const at::Tensor expected =
          out.div(tile.rule.scale).round().add(tile.rule.zero_point).clamp(0, 200).to(at::kByte);
      EXPECT_TRUE(codes.equal(expected)) << columns;
    }
  }
}

TEST(FinishTile, GivesTheSameCodesWithoutFloats) {
  const TileCase tile(100, true);
  TileFinish finish = tile.finish();
  at::Tensor out = at::zeros({TileCase::kRows, 100});
  finish.out = out.mutable_data_ptr<float>();
  tile.run(finish);
  EXPECT_LT(max_difference(out, tile.expected(false, false)), 1e-4);
  at::Tensor codes = at::zeros(out.sizes(), at::kByte);
  finish.out = nullptr;
  finish.codes = codes.mutable_data_ptr<std::uint8_t>();
  finish.codes_stride = 100;
  finish.rule = &tile.rule;
  tile.run(finish);
  const at::Tensor expected =
      out.div(tile.rule.scale).round().add(tile.rule.zero_point).clamp(0, 200).to(at::kByte);
  EXPECT_TRUE(codes.equal(expected));
}

TEST(FinishTile, ReLUKeepsNan) {
  TileCase tile(20, false);
  tile.rows[2].scale = std::numeric_limits<float>::quiet_NaN();
  TileFinish finish = tile.finish();
  finish.relu = true;
  at::Tensor out = at::zeros({TileCase::kRows, 20});
  finish.out = out.mutable_data_ptr<float>();
  tile.run(finish);
  EXPECT_TRUE(out[2].isnan().all().item<bool>());
  EXPECT_FALSE(out[1].isnan().any().item<bool>());
}

}  // namespace
}  // namespace clipq
