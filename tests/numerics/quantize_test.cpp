#include "clipq/numerics/quantize.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/fake_quantize_per_channel_affine.h>
#include <ATen/ops/fake_quantize_per_tensor_affine.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>

#include "clipq/core/error.h"
#include "clipq/numerics/activation_quantizer.h"
#include "tensors.h"

namespace clipq {
namespace {

using testing::max_difference;
using testing::random_normal;

QuantizerSpec spec_of(Format format, Scheme scheme = Scheme::kSymmetric,
                      Granularity granularity = Granularity::kTensor, int bits = 8) {
  QuantizerSpec spec;
  spec.format = format;
  spec.scheme = scheme;
  spec.granularity = granularity;
  spec.bits = bits;
  return spec;
}

at::Tensor simulated(const at::Tensor& x, const QuantizerSpec& spec) {
  return simulate(x, spec, scales_for(spec, range_of(x, spec)));
}

TEST(Simulate, SymmetricInt8EqualsPyTorchsFakeQuantizeUpToOneCodeAtTies) {
  const at::Tensor x = random_normal({64, 128}, 1);
  const QuantizerSpec spec = spec_of(Format::kInt8);
  const Scales scales = scales_for(spec, range_of(x, spec));
  const double scale = scales.scale.item<double>();
  const at::Tensor theirs = at::fake_quantize_per_tensor_affine(x, scale, 0, -127, 127);
  // PyTorch multiplies by 1/scale: a value within an ulp of a tie may round to the other side.
  const at::Tensor differing = simulate(x, spec, scales).sub(theirs).abs().gt(scale * 1e-3);
  EXPECT_LE(differing.sum().item<std::int64_t>(), 2);
  EXPECT_LE(max_difference(simulate(x, spec, scales), theirs), scale * 1.001);
}

TEST(Simulate, PerChannelInt8EqualsPyTorchsFakeQuantizeUpToOneCodeAtTies) {
  const at::Tensor x = random_normal({32, 100}, 2);
  const QuantizerSpec spec = spec_of(Format::kInt8, Scheme::kSymmetric, Granularity::kChannel);
  const Scales scales = scales_for(spec, range_of(x, spec));
  const at::Tensor theirs = at::fake_quantize_per_channel_affine(x, scales.scale.flatten(),
                                                                 at::zeros({32}), 0, -127, 127);
  const at::Tensor codes_apart = simulate(x, spec, scales).sub(theirs).abs().div(scales.scale);
  EXPECT_LE(codes_apart.gt(1e-3).sum().item<std::int64_t>(), 2);
  EXPECT_LE(codes_apart.max().item<double>(), 1.001);
}

TEST(Simulate, AffineInt8OfALopsidedTensorEqualsPyTorchsFakeQuantize) {
  const at::Tensor x = random_normal({50, 77}, 3).clamp_min(-0.17);
  for (const int bits : {7, 8}) {
    const QuantizerSpec spec = spec_of(Format::kInt8, Scheme::kAffine, Granularity::kTensor, bits);
    const Scales scales = scales_for(spec, range_of(x, spec));
    const double scale = scales.scale.item<double>();
    const at::Tensor theirs = at::fake_quantize_per_tensor_affine(
        x, scale, scales.zero_point.item<std::int64_t>(), 0, (1 << bits) - 1);
    EXPECT_LE(max_difference(simulate(x, spec, scales), theirs), scale * 1.001);
    EXPECT_LE(max_difference(simulate(x, spec, scales), x), scale * 0.501) << bits;
  }
}

TEST(Simulate, Float8EqualsPyTorchsCast) {
  const at::Tensor x = random_normal({64, 64}, 4).mul_(3);
  const QuantizerSpec spec = spec_of(Format::kFp8E4M3);
  const Scales scales = scales_for(spec, range_of(x, spec));
  const at::Tensor theirs =
      x.div(scales.scale).to(at::kFloat8_e4m3fn).to(at::kFloat).mul(scales.scale);
  EXPECT_EQ(max_difference(simulate(x, spec, scales), theirs), 0);
}

TEST(Simulate, Float8RoundsHalfToEvenAndSaturates) {
  const QuantizerSpec spec = spec_of(Format::kFp8E4M3);
  const Scales unit = {at::tensor(1.0f), {}, {}};
  const at::Tensor x =
      at::tensor({17.f, 19.f, 21.f, std::exp2(-10.f), 1.5f * std::exp2(-10.f), 1e9f, -1e9f, 460.f});
  const at::Tensor expected =
      at::tensor({16.f, 20.f, 20.f, 0.f, std::exp2(-9.f), 448.f, -448.f, 448.f});
  EXPECT_EQ(max_difference(simulate(x, spec, unit), expected), 0);
}

TEST(Simulate, Int8RoundsHalfToEvenAndClampsToTheNarrowRange) {
  const QuantizerSpec spec = spec_of(Format::kInt8);
  const Scales unit = {at::tensor(1.0f), {}, {}};
  const at::Tensor x = at::tensor({0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 127.4f, 300.f, -300.f});
  const at::Tensor expected = at::tensor({0.f, 2.f, 2.f, 0.f, -2.f, 127.f, 127.f, -127.f});
  EXPECT_EQ(max_difference(simulate(x, spec, unit), expected), 0);
}

/// Every spec that a weight can have, but for fewer bits.
std::vector<QuantizerSpec> weight_specs() {
  std::vector<QuantizerSpec> specs;
  for (const FormatInfo& info : formats()) {
    for (const Scheme scheme : {Scheme::kSymmetric, Scheme::kAffine}) {
      if (info.is_float && scheme == Scheme::kAffine) continue;
      for (const char* granularity : {"tensor", "channel", "group:16", "group:7"}) {
        if (!info.scaled && granularity != std::string("tensor")) continue;
        for (const ScaleDtype dtype : {ScaleDtype::kFloat32, ScaleDtype::kFloat16}) {
          QuantizerSpec spec = spec_of(info.format, scheme, Granularity::kTensor, info.bits);
          set_granularity(spec, granularity, "test");
          spec.scale_dtype = dtype;
          specs.push_back(spec);
        }
      }
    }
  }
  return specs;
}

TEST(Simulate, EqualsDequantizedCodesForEveryFormatAndGranularity) {
  for (const std::int64_t columns : {48, 47}) {
    const at::Tensor x = random_normal({16, columns}, 5);
    for (const QuantizerSpec& spec : weight_specs()) {
      const Scales scales = scales_for(spec, range_of(x, spec));
      const QuantizedTensor quantized = quantize(x, spec, scales);
      EXPECT_EQ(quantized.codes.scalar_type(), spec.code_dtype());
      EXPECT_EQ(dequantize(quantized).sizes(), x.sizes());
      EXPECT_EQ(max_difference(dequantize(quantized), simulated(x, spec)), 0) << spec.describe();
    }
  }
}

TEST(Simulate, WhatIsOnTheGridStaysWhereItIs) {
  const at::Tensor x = random_normal({16, 48}, 5);
  for (const QuantizerSpec& spec : weight_specs()) {
    const Scales scales = scales_for(spec, range_of(x, spec));
    const at::Tensor once = simulate(x, spec, scales);
    EXPECT_EQ(max_difference(simulate(once, spec, scales), once), 0) << spec.describe();
  }
}

TEST(Simulate, GroupsAreQuantizedAsTensorsOfTheirOwn) {
  const at::Tensor x = random_normal({4, 40}, 6);
  for (const Scheme scheme : {Scheme::kSymmetric, Scheme::kAffine}) {
    QuantizerSpec spec = spec_of(Format::kInt4, scheme, Granularity::kTensor, 4);
    set_granularity(spec, "group:16", "test");
    const at::Tensor grouped = simulated(x, spec);
    for (std::int64_t row = 0; row < 4; ++row) {
      for (std::int64_t begin = 0; begin < 40; begin += 16) {
        const std::int64_t length = std::min<std::int64_t>(16, 40 - begin);
        const at::Tensor part = x[row].narrow(0, begin, length);
        const at::Tensor alone =
            simulated(part, spec_of(Format::kInt4, scheme, Granularity::kTensor, 4));
        EXPECT_EQ(max_difference(grouped[row].narrow(0, begin, length), alone), 0);
      }
    }
  }
}

TEST(Simulate, Int4InGroupsEqualsPyTorchsFakeQuantizeUpToOneCodeAtTies) {
  const at::Tensor x = random_normal({32, 128}, 7);
  for (const Scheme scheme : {Scheme::kSymmetric, Scheme::kAffine}) {
    QuantizerSpec spec = spec_of(Format::kInt4, scheme, Granularity::kTensor, 4);
    set_granularity(spec, "group:64", "test");
    const Scales scales = scales_for(spec, range_of(x, spec));
    const bool affine = scheme == Scheme::kAffine;
    const at::Tensor zero_points = affine ? scales.zero_point.flatten() : at::zeros({64});
    const at::Tensor theirs =
        at::fake_quantize_per_channel_affine(x.reshape({64, 64}), scales.scale.flatten(),
                                             zero_points, 0, affine ? 0 : -7, affine ? 15 : 7);
    const at::Tensor apart =
        simulate(x, spec, scales).reshape({64, 64}).sub(theirs).div(scales.scale.reshape({64, 1}));
    EXPECT_LE(apart.abs().gt(1e-3).sum().item<std::int64_t>(), 2);
    EXPECT_LE(apart.abs().max().item<double>(), 1.001);
  }
}

TEST(Simulate, Fp16AndE5M2EqualPyTorchsCasts) {
  const at::Tensor x = random_normal({64, 64}, 8).mul_(30);
  EXPECT_EQ(max_difference(simulated(x, spec_of(Format::kFp16)), x.to(at::kHalf).to(at::kFloat)),
            0);
  const QuantizerSpec e5m2 = spec_of(Format::kFp8E5M2);
  const Scales scales = scales_for(e5m2, range_of(x, e5m2));
  const at::Tensor theirs =
      x.div(scales.scale).to(at::kFloat8_e5m2).to(at::kFloat).mul(scales.scale);
  EXPECT_EQ(max_difference(simulate(x, e5m2, scales), theirs), 0);
  const at::Tensor large = at::tensor({1e6f, -1e6f});
  EXPECT_EQ(
      max_difference(simulated(large, spec_of(Format::kFp16)), at::tensor({65504.f, -65504.f})), 0);
}

TEST(Simulate, TwinGivesEachSideItsOwnScale) {
  const at::Tensor x = random_normal({1000}, 9).clamp_min(-0.17);  // as GELU's output
  const QuantizerSpec spec = spec_of(Format::kInt8, Scheme::kTwin);
  const Scales scales = scales_for(spec, range_of(x, spec));
  EXPECT_FLOAT_EQ(scales.negative_scale.item<float>(), 0.17f / 127);
  EXPECT_FLOAT_EQ(scales.scale.item<float>(), x.max().item<float>() / 127);
  const at::Tensor y = simulate(x, spec, scales);
  const auto error = [&](const at::Tensor& side) {
    return y.sub(x).masked_select(side).abs().max().item<double>();
  };
  EXPECT_LE(error(x.lt(0)), 0.17 / 127 * 0.501);
  EXPECT_LE(error(x.gt(0)), x.max().item<double>() / 127 * 0.501);
  EXPECT_GT(error(x.gt(0)), 0.17 / 127);
}

TEST(Scales, OfFloat16AreOnItsGridAndNeverZero) {
  QuantizerSpec spec = spec_of(Format::kInt8, Scheme::kSymmetric, Granularity::kChannel);
  spec.scale_dtype = ScaleDtype::kFloat16;
  const at::Tensor x = at::cat({random_normal({7, 20}, 3), at::zeros({1, 20})});
  const at::Tensor scale = scales_for(spec, range_of(x, spec)).scale;
  EXPECT_EQ(max_difference(scale.to(at::kHalf).to(at::kFloat), scale), 0);
  EXPECT_GT(scale.min().item<double>(), 0);
}

TEST(Int4, IsPackedTwoAByteWithTheEarlierCodeInTheLowHalf) {
  QuantizerSpec spec = spec_of(Format::kInt4, Scheme::kSymmetric, Granularity::kChannel, 4);
  const at::Tensor x = at::tensor({1.f, -7.f, 3.f, 0.f, 7.f}).unsqueeze(0);
  const QuantizedTensor quantized = quantize(x, spec, scales_for(spec, range_of(x, spec)));
  const at::Tensor expected = at::tensor({9 + 16 * 1, 11 + 16 * 8, 15}, at::kByte).unsqueeze(0);
  EXPECT_TRUE(quantized.codes.equal(expected));
  EXPECT_EQ(max_difference(dequantize(quantized), x), 0);
}

TEST(Granularity, TextsThatAreNoneAreUsageErrors) {
  QuantizerSpec spec;
  set_granularity(spec, "group:64", "test");
  EXPECT_EQ(spec.group_size, 64);
  EXPECT_EQ(granularity_text(spec), "group:64");
  for (const char* text :
       {"group", "group:", "group:0", "group:-3", "group:4x", "row", "token:3"}) {
    EXPECT_THROW(set_granularity(spec, text, "test"), UsageError) << text;
  }
}

TEST(Simulate, ZeroTensorsStayZero) {
  const at::Tensor x = at::zeros({4, 8});
  for (const FormatInfo& info : formats()) {
    EXPECT_EQ(simulated(x, spec_of(info.format)).abs().max().item<float>(), 0) << info.name;
  }
  EXPECT_EQ(simulated(x, spec_of(Format::kInt8, Scheme::kAffine)).abs().max().item<float>(), 0);
}

TEST(Simulate, AffineRangesIncludeZeroExactly) {
  const at::Tensor x = at::tensor({5.f, 6.f, 7.f, 0.f});
  const QuantizerSpec spec = spec_of(Format::kInt8, Scheme::kAffine);
  const Scales scales = scales_for(spec, {at::tensor(5.f), at::tensor(7.f)});
  EXPECT_EQ(scales.zero_point.item<float>(), 0);
  EXPECT_EQ(simulate(x, spec, scales)[3].item<float>(), 0);
}

TEST(ActivationQuantizer, DynamicPerTokenTakesEachRowsOwnRange) {
  QuantizerSpec spec = spec_of(Format::kInt8, Scheme::kSymmetric, Granularity::kToken);
  spec.range = RangeKind::kDynamic;
  const auto quantizer = ActivationQuantizer::dynamic(spec);
  const at::Tensor small = random_normal({1, 64}, 6);
  at::Tensor x = at::zeros({2, 64});
  x[0].copy_(small[0]);
  x[1].copy_(small[0].mul(1000));
  const at::Tensor y = quantizer.simulate(x);
  EXPECT_EQ(max_difference(y[0], quantizer.simulate(small)[0]), 0);
  EXPECT_LT(max_difference(y[1].div(1000), y[0]), 1e-5);
}

TEST(Range, SevenBitsHaveHalfTheCodes) {
  EXPECT_EQ(spec_of(Format::kInt8, Scheme::kSymmetric, Granularity::kTensor, 7).max_code(), 63);
  EXPECT_EQ(spec_of(Format::kInt8, Scheme::kAffine, Granularity::kTensor, 7).max_code(), 127);
}

}  // namespace
}  // namespace clipq
