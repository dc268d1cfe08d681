#include "clipq/kernels/dequantized_linear.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "clipq/native/native_linear.h"
#include "clipq/quant/simulated_layers.h"
#include "reference_linear.h"
#include "tensors.h"

namespace clipq {
namespace {

using testing::random_normal;
using testing::ReferenceLinear;

/// A weight's quantizer and, if there is one, the input's.
struct Kinds {
  const char* name;
  QuantizerSpec weight;
  std::optional<QuantizerSpec> input;
};

void PrintTo(const Kinds& kinds, std::ostream* out) { *out << kinds.name; }

QuantizerSpec weight_in(Format format, Granularity granularity,
                        Scheme scheme = Scheme::kSymmetric) {
  QuantizerSpec spec;
  spec.format = format;
  spec.bits = format_info(format).bits;
  spec.granularity = granularity;
  spec.scheme = scheme;
  if (granularity == Granularity::kGroup) {
    spec.group_size = 24;
    spec.scale_dtype = ScaleDtype::kFloat16;
  }
  return spec;
}

QuantizerSpec input_in(Format format, RangeKind range, Granularity granularity,
                       Scheme scheme = Scheme::kSymmetric) {
  QuantizerSpec spec = weight_in(format, granularity, scheme);
  spec.range = range;
  return spec;
}

std::vector<Kinds> kinds() {
  using enum Format;
  using enum Granularity;
  using enum RangeKind;
  return {
      {"Int8", weight_in(kInt8, kChannel), {}},
      {"Int8Affine", weight_in(kInt8, kChannel, Scheme::kAffine), {}},
      {"Int8Tensor", weight_in(kInt8, kTensor), {}},
      {"Int8Group", weight_in(kInt8, kGroup), {}},
      {"Int4Group", weight_in(kInt4, kGroup), {}},
      {"Int4GroupAffine", weight_in(kInt4, kGroup, Scheme::kAffine), {}},
      {"Int4Channel", weight_in(kInt4, kChannel), {}},
      {"Int4Tensor", weight_in(kInt4, kTensor), {}},
      {"Fp16", weight_in(kFp16, kTensor), {}},
      {"E4M3", weight_in(kFp8E4M3, kChannel), {}},
      {"E5M2", weight_in(kFp8E5M2, kChannel), {}},
      {"E4M3Both", weight_in(kFp8E4M3, kTensor), input_in(kFp8E4M3, kStatic, kTensor)},
      {"E4M3BothToken", weight_in(kFp8E4M3, kChannel), input_in(kFp8E4M3, kDynamic, kToken)},
      {"E4M3BothDynamic", weight_in(kFp8E4M3, kChannel), input_in(kFp8E4M3, kDynamic, kTensor)},
      {"E4M3WithE5M2", weight_in(kFp8E4M3, kChannel), input_in(kFp8E5M2, kStatic, kTensor)},
      {"E5M2WithE4M3", weight_in(kFp8E5M2, kTensor), input_in(kFp8E4M3, kStatic, kTensor)},
      {"E4M3Group", weight_in(kFp8E4M3, kGroup), input_in(kFp8E4M3, kStatic, kTensor)},
      {"Int4WithInt8", weight_in(kInt4, kGroup),
       input_in(kInt8, kDynamic, kToken, Scheme::kAffine)},
      {"Int8AffineWithInt8", weight_in(kInt8, kChannel, Scheme::kAffine),
       input_in(kInt8, kStatic, kTensor, Scheme::kAffine)},
      {"Fp16WithE4M3", weight_in(kFp16, kTensor), input_in(kFp8E4M3, kStatic, kTensor)},
  };
}

std::optional<ActivationQuantizer> quantizer_of(const Kinds& kinds, const at::Tensor& x) {
  if (!kinds.input) return std::nullopt;
  if (kinds.input->range == RangeKind::kDynamic) return ActivationQuantizer::dynamic(*kinds.input);
  return ActivationQuantizer::with_scales(
      *kinds.input, scales_for(*kinds.input, range_of(x.mul(0.8), *kinds.input)));
}

SimulatedLinear layer_of(const Kinds& kinds, const at::Tensor& x, std::int64_t out, bool has_bias) {
  // Some numbers are below FP8's normal ones.
  const at::Tensor weight = random_normal({out, x.size(-1)}, 11).pow(3);
  const QuantizedTensor codes =
      quantize(weight, kinds.weight, scales_for(kinds.weight, range_of(weight, kinds.weight)));
  return {std::make_shared<StoredWeight>(codes), has_bias ? random_normal({out}, 12) : at::Tensor(),
          quantizer_of(kinds, x)};
}

class EveryDequantizedLinear : public ::testing::TestWithParam<std::tuple<std::string, Kinds>> {
 protected:
  void SetUp() override {
    const std::string& name = std::get<0>(GetParam());
    for (const FloatPath& path : float_paths()) {
      if (path.name == name) path_ = &path;
    }
    if (!path_->supported()) GTEST_SKIP() << "this processor lacks " << name;
  }

  NativeLinear native_of(const SimulatedLinear& layer) const {
    const LinearContents contents = *layer.contents();
    auto linear = std::make_shared<DequantizedLinear>(*contents.quantized, contents.bias,
                                                      contents.input, path_);
    EXPECT_EQ(linear->path_name(), path_->name);
    return NativeLinear(std::move(linear));
  }

  void expect_simulated(const at::Tensor& x, std::int64_t out, bool has_bias) const {
    const SimulatedLinear layer = layer_of(std::get<1>(GetParam()), x, out, has_bias);
    const NativeLinear native = native_of(layer);
    const ReferenceLinear reference(layer, x);
    const at::Tensor y = native.forward(x);
    ASSERT_EQ(y.sizes(), reference.values.sizes());
    EXPECT_LT(reference.error(y), 2e-6 + 2 * path_->rounding) << x.sizes() << " to " << out;
    if (out < 4) return;
    const at::Tensor part = native.forward_part(x, 1, out - 2);
    EXPECT_TRUE(part.equal(y.narrow(-1, 1, out - 2))) << "a part of the outputs";
  }

  const FloatPath* path_ = nullptr;
};

TEST_P(EveryDequantizedLinear, ComputesWhatSimulateDoesOnOddShapes) {
  for (const auto& [rows, in, out] : std::vector<std::tuple<int, int, int>>{{1, 1, 1},
                                                                            {1, 64, 64},
                                                                            {2, 5, 7},
                                                                            {7, 67, 130},
                                                                            {97, 33, 18},
                                                                            {50, 256, 100},
                                                                            {33, 700, 65},
                                                                            {64, 512, 128}}) {
    expect_simulated(random_normal({rows, in}, 1), out, rows % 2 == 0);
  }
  expect_simulated(random_normal({2, 3, 40}, 2), 12, true);
  expect_simulated(random_normal({10000, 9}, 1), 6, true);
}

TEST_P(EveryDequantizedLinear, ComputesWhatSimulateDoesOnExtremeValues) {
  expect_simulated(testing::extreme_rows(), 66, true);
  expect_simulated(at::zeros({3, 70}), 66, true);
}

TEST_P(EveryDequantizedLinear, NoRowsGiveNoRows) {
  const SimulatedLinear layer =
      layer_of(std::get<1>(GetParam()), random_normal({4, 8}, 1), 6, true);
  EXPECT_EQ(native_of(layer).forward(at::zeros({0, 8})).sizes(), at::IntArrayRef({0, 6}));
}

TEST_P(EveryDequantizedLinear, ANaNStaysInItsRowUnlessARangeSpansRows) {
  const at::Tensor x = random_normal({40, 64}, 1);
  const SimulatedLinear layer = layer_of(std::get<1>(GetParam()), x, 70, true);
  const NativeLinear native = native_of(layer);
  x[2][5] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor broken = native.forward(x).isnan();
  EXPECT_TRUE(broken[2].all().item<bool>());
  EXPECT_EQ(broken.sum().item<std::int64_t>(), native.needs_whole_batch() ? 40 * 70 : 70);
}

/// Each path with what it is exact for, whether or not this processor has it.
std::vector<std::tuple<std::string, Kinds>> paths_with_kinds() {
  std::vector<std::tuple<std::string, Kinds>> all;
  for (const FloatPath& path : float_paths()) {
    for (const Kinds& each : kinds()) {
      if (path.exact(each.weight, each.input)) all.emplace_back(path.name, each);
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(DequantizedLinear, EveryDequantizedLinear,
                         ::testing::ValuesIn(paths_with_kinds()), [](const auto& test) {
                           std::string name = std::get<0>(test.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + "_" + std::get<1>(test.param).name;
                         });

}  // namespace
}  // namespace clipq
