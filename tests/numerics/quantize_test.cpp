#include "clipq/numerics/quantize.h"

#include <ATen/ops/fake_quantize_per_channel_affine.h>
#include <ATen/ops/fake_quantize_per_tensor_affine.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>

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
  return simulate(x, spec, scales_for(spec, range_of(x, spec.granularity)));
}

TEST(Simulate, SymmetricInt8EqualsPyTorchsFakeQuantizeUpToOneCodeAtTies) {
  const at::Tensor x = random_normal({64, 128}, 1);
  const QuantizerSpec spec = spec_of(Format::kInt8);
  const Scales scales = scales_for(spec, range_of(x, spec.granularity));
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
  const Scales scales = scales_for(spec, range_of(x, spec.granularity));
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
    const Scales scales = scales_for(spec, range_of(x, spec.granularity));
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
  const Scales scales = scales_for(spec, range_of(x, spec.granularity));
  const at::Tensor theirs =
      x.div(scales.scale).to(at::kFloat8_e4m3fn).to(at::kFloat).mul(scales.scale);
  EXPECT_EQ(max_difference(simulate(x, spec, scales), theirs), 0);
}

TEST(Simulate, Float8RoundsHalfToEvenAndSaturates) {  // facts.md section 6
  const QuantizerSpec spec = spec_of(Format::kFp8E4M3);
  const Scales unit = {at::tensor(1.0f), {}};
  const at::Tensor x =
      at::tensor({17.f, 19.f, 21.f, std::exp2(-10.f), 1.5f * std::exp2(-10.f), 1e9f, -1e9f, 460.f});
  const at::Tensor expected =
      at::tensor({16.f, 20.f, 20.f, 0.f, std::exp2(-9.f), 448.f, -448.f, 448.f});
  EXPECT_EQ(max_difference(simulate(x, spec, unit), expected), 0);
}

TEST(Simulate, Int8RoundsHalfToEvenAndClampsToTheNarrowRange) {
  const QuantizerSpec spec = spec_of(Format::kInt8);
  const Scales unit = {at::tensor(1.0f), {}};
  const at::Tensor x = at::tensor({0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 127.4f, 300.f, -300.f});
  const at::Tensor expected = at::tensor({0.f, 2.f, 2.f, 0.f, -2.f, 127.f, 127.f, -127.f});
  EXPECT_EQ(max_difference(simulate(x, spec, unit), expected), 0);
}

TEST(Simulate, EqualsDequantizedCodesForEveryFormatAndGranularity) {
  const at::Tensor x = random_normal({16, 48}, 5);
  for (const FormatInfo& info : formats()) {
    for (const Scheme scheme : {Scheme::kSymmetric, Scheme::kAffine}) {
      if (info.is_float && scheme == Scheme::kAffine) continue;
      for (const Granularity granularity : {Granularity::kTensor, Granularity::kChannel}) {
        const QuantizerSpec spec = spec_of(info.format, scheme, granularity);
        const QuantizedTensor quantized = quantize_weight(x, spec);
        EXPECT_EQ(quantized.codes.scalar_type(), spec.code_dtype());
        EXPECT_EQ(max_difference(dequantize(quantized), simulated(x, spec)), 0) << info.name;
      }
    }
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
