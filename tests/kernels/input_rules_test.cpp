#include "clipq/kernels/input_rules.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <gmock/gmock.h>

#include "tensors.h"

namespace clipq {
namespace {

using testing::kInfinity;
using testing::kNan;
using testing::random_normal;

struct Grid {
  const char* name;
  Format format;
  Scheme scheme;
  int bits;
};

void PrintTo(const Grid& grid, std::ostream* out) { *out << grid.name; }

class EveryGrid : public ::testing::TestWithParam<std::tuple<Grid, RangeKind>> {
 protected:
  QuantizerSpec spec() const {
    const auto& [grid, range] = GetParam();
    QuantizerSpec spec;
    spec.format = grid.format;
    spec.scheme = grid.scheme;
    spec.bits = grid.bits;
    spec.range = range;
    if (range == RangeKind::kDynamic) spec.granularity = Granularity::kToken;
    return spec;
  }

  ActivationQuantizer quantizer() const {
    const QuantizerSpec wanted = spec();
    if (wanted.range == RangeKind::kDynamic) return ActivationQuantizer::dynamic(wanted);
    return ActivationQuantizer::with_scales(
        wanted, scales_for(wanted, {at::full({}, -1.5F), at::full({}, 2.5F)}));
  }
};

/// Rows that are hard to quantize: ordinary, constant, zero, one-sided, huge, tiny, many
/// magnitudes, halfway between two values, and of every magnitude that FP8 has around its smallest
/// numbers.
at::Tensor hard_float_rows(std::int64_t width) {
  const at::Tensor x = random_normal({9, width}, 3);
  x[1].fill_(0.3);
  x[2].zero_();
  x[3].abs_().add_(1);
  x[4].abs_().neg_();
  x[5].mul_(1e30);
  x[6].mul_(1e-41);
  x[7].mul_(at::linspace(-20, 4, width).exp2());
  x[8].copy_(at::linspace(-1, 1, width).mul(127).floor().add(0.5).mul(2.5 / 448));
  return x;
}

TEST_P(EveryGrid, ValuesAreThoseOfTheReferenceNumerics) {
  const ActivationQuantizer reference = quantizer();
  const ValueRule rule = value_rule(reference);
  for (const std::int64_t width : {1, 3, 15, 16, 17, 64, 100, 768}) {
    const at::Tensor x = hard_float_rows(width);
    const at::Tensor expected = reference.simulate(x);
    for (std::int64_t row = 0; row < x.size(0); ++row) {
      const at::Tensor values = at::empty({width});
      const at::Tensor halves = at::empty({width}, at::kBFloat16);
      const auto* source = x[row].const_data_ptr<float>();
      const RowScale scale = quantize_values(source, width, rule, values.mutable_data_ptr<float>());
      quantize_to_bfloat16(source, width, rule,
                           static_cast<std::uint16_t*>(halves.mutable_data_ptr()));
      EXPECT_EQ(scale.zero_point, 0);
      EXPECT_TRUE(values.mul(scale.scale).equal(expected[row])) << width << " wide, row " << row;
      EXPECT_TRUE(halves.to(at::kFloat).equal(values)) << width << " wide, row " << row;
    }
  }
}

TEST_P(EveryGrid, WhatIsNotFiniteBecomesWhatItDoesInTheReferenceNumerics) {
  const ActivationQuantizer reference = quantizer();
  const ValueRule rule = value_rule(reference);
  for (const float odd : {kInfinity, -kInfinity, kNan}) {
    const at::Tensor x = random_normal({40}, 3);
    x[3].fill_(odd);
    x[37].fill_(odd);
    const at::Tensor values = at::empty_like(x);
    const at::Tensor halves = at::empty({40}, at::kBFloat16);
    const RowScale scale =
        quantize_values(x.const_data_ptr<float>(), 40, rule, values.mutable_data_ptr<float>());
    quantize_to_bfloat16(x.const_data_ptr<float>(), 40, rule,
                         static_cast<std::uint16_t*>(halves.mutable_data_ptr()));
    const at::Tensor expected = reference.simulate(x);
    for (const at::Tensor& ours : {values, halves.to(at::kFloat)}) {
      EXPECT_TRUE(ours.mul(scale.scale).allclose(expected, 0, 0, /*equal_nan=*/true)) << odd;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    InputRules, EveryGrid,
    ::testing::Combine(::testing::Values(Grid{"Int8", Format::kInt8, Scheme::kSymmetric, 8},
                                         Grid{"Int7", Format::kInt8, Scheme::kSymmetric, 7},
                                         Grid{"Affine8", Format::kInt8, Scheme::kAffine, 8},
                                         Grid{"Affine7", Format::kInt8, Scheme::kAffine, 7},
                                         Grid{"E4M3", Format::kFp8E4M3, Scheme::kSymmetric, 8},
                                         Grid{"E5M2", Format::kFp8E5M2, Scheme::kSymmetric, 8}),
                       ::testing::Values(RangeKind::kStatic, RangeKind::kDynamic)),
    [](const auto& test) {
      return std::string(std::get<0>(test.param).name) +
             (std::get<1>(test.param) == RangeKind::kStatic ? "Static" : "Dynamic");
    });

}  // namespace
}  // namespace clipq
