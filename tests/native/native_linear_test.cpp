#include "clipq/native/native_linear.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <limits>

#include "clipq/kernels/integer_linear.h"
#include "clipq/native/columns_by_position.h"
#include "clipq/native/native_convolution.h"
#include "clipq/quant/simulated_layers.h"
#include "paths_by_name.h"
#include "reference_linear.h"
#include "tensors.h"

namespace clipq {
namespace {

using testing::max_difference;
using testing::random_normal;
using testing::ReferenceLinear;

struct InputKind {
  const char* name;
  Scheme scheme;
  RangeKind range;
  Granularity granularity;
  int bits;
  int weight_bits;
};

void PrintTo(const InputKind& kind, std::ostream* out) { *out << kind.name; }

const std::vector<InputKind>& input_kinds() {
  static const std::vector<InputKind> kinds = {
      {"DynamicToken7", Scheme::kAffine, RangeKind::kDynamic, Granularity::kToken, 7, 8},
      {"DynamicToken8", Scheme::kAffine, RangeKind::kDynamic, Granularity::kToken, 8, 7},
      {"DynamicTokenBoth8", Scheme::kAffine, RangeKind::kDynamic, Granularity::kToken, 8, 8},
      {"DynamicTokenSymmetric", Scheme::kSymmetric, RangeKind::kDynamic, Granularity::kToken, 7, 8},
      {"DynamicTensor", Scheme::kAffine, RangeKind::kDynamic, Granularity::kTensor, 7, 8},
      {"DynamicTensorSymmetric", Scheme::kSymmetric, RangeKind::kDynamic, Granularity::kTensor, 8,
       7},
      {"Static7", Scheme::kAffine, RangeKind::kStatic, Granularity::kTensor, 7, 8},
      {"StaticSymmetric8", Scheme::kSymmetric, RangeKind::kStatic, Granularity::kTensor, 8, 7}};
  return kinds;
}

ActivationQuantizer quantizer_of(const InputKind& kind, const at::Tensor& x) {
  QuantizerSpec spec;
  spec.bits = kind.bits;
  spec.scheme = kind.scheme;
  spec.granularity = kind.granularity;
  spec.range = kind.range;
  if (kind.range == RangeKind::kDynamic) return ActivationQuantizer::dynamic(spec);
  return ActivationQuantizer::with_scales(spec, scales_for(spec, range_of(x.mul(0.8), spec)));
}

SimulatedLinear layer_of(const InputKind& kind, const at::Tensor& x, std::int64_t out,
                         bool has_bias) {
  QuantizerSpec spec;
  spec.bits = kind.weight_bits;
  spec.granularity = out % 2 == 0 ? Granularity::kChannel : Granularity::kTensor;
  const at::Tensor weight = random_normal({out, x.size(-1)}, 11);
  const QuantizedTensor codes = quantize(weight, spec, scales_for(spec, range_of(weight, spec)));
  return {std::make_shared<StoredWeight>(codes), has_bias ? random_normal({out}, 12) : at::Tensor(),
          quantizer_of(kind, x)};
}

NativeLinear native_of(const SimulatedLinear& layer, const IntegerPath& path) {
  return NativeLinear(std::make_shared<IntegerLinear>(
      *layer.contents()->quantized, layer.contents()->bias, *layer.input(), &path));
}

class EveryKernel : public ::testing::TestWithParam<std::tuple<std::string, InputKind>> {
 protected:
  void SetUp() override {
    const SimulatedLinear layer =
        layer_of(std::get<1>(GetParam()), random_normal({2, 8}, 1), 4, false);
    if (path_for(layer) == nullptr) {
      GTEST_SKIP() << std::get<0>(GetParam()) << " is not for this processor or not exact for "
                   << std::get<1>(GetParam()).name;
    }
  }

  /// The path, or nullptr where it isn't for this processor or these codes.
  const IntegerPath* path_for(const SimulatedLinear& layer) const {
    for (const IntegerPath& path : integer_paths()) {
      if (path.name != std::get<0>(GetParam()) || !path.supported()) continue;
      const at::Tensor& codes = layer.contents()->quantized->codes;
      const auto limit = static_cast<int>(layer.contents()->quantized->spec.max_code());
      const InputKind& kind = std::get<1>(GetParam());
      const int input_limit = (1 << kind.bits) - 1;
      const IntegerWeight weight = {codes.const_data_ptr<std::int8_t>(), codes.size(0),
                                    codes.size(1), limit, input_limit};
      return path.exact(weight) ? &path : nullptr;
    }
    return nullptr;
  }

  void expect_simulated(const at::Tensor& x, std::int64_t out, bool has_bias) {
    const SimulatedLinear layer = layer_of(std::get<1>(GetParam()), x, out, has_bias);
    const IntegerPath* path = path_for(layer);
    if (path == nullptr) return;
    const NativeLinear native = native_of(layer, *path);
    const ReferenceLinear reference(layer, x);
    EXPECT_LT(reference.error(native.forward(x)), 1e-6) << x.sizes() << " to " << out;
    ASSERT_EQ(native.forward(x).sizes(), reference.values.sizes());
    if (out < 4) return;
    const at::Tensor part = native.forward_part(x, 1, out - 2);
    EXPECT_TRUE(part.equal(native.forward(x).narrow(-1, 1, out - 2))) << "a part of the outputs";
  }
};

TEST_P(EveryKernel, ComputesWhatSimulateDoesOnOddShapes) {
  for (const auto& [rows, in, out] : std::vector<std::tuple<int, int, int>>{
           {1, 1, 1}, {1, 64, 64}, {2, 5, 7}, {7, 67, 130}, {97, 33, 18}, {50, 256, 100}}) {
    expect_simulated(random_normal({rows, in}, 1), out, rows % 2 == 0);
  }
  expect_simulated(random_normal({2, 3, 40}, 2), 12, true);
}

TEST_P(EveryKernel, ComputesWhatSimulateDoesOnManyRows) {
  expect_simulated(random_normal({10000, 9}, 1), 6, true);
}

TEST_P(EveryKernel, ComputesWhatSimulateDoesOnExtremeValues) {
  expect_simulated(testing::extreme_rows(), 66, true);
  expect_simulated(at::zeros({3, 70}), 66, true);
}

TEST_P(EveryKernel, ConvolvesAsSimulateDoes) {
  for (const std::int64_t channels : {3, 20}) {
    for (const ConvolutionWindow& window : {ConvolutionWindow{3, 1}, ConvolutionWindow{3, 2}}) {
      const at::Tensor map = random_normal({3, 7, 6, channels}, 5).add_(0.3);
      const SimulatedLinear layer =
          layer_of(std::get<1>(GetParam()), unfold(map, window), 10, true);
      const IntegerPath* path = path_for(layer);
      const auto integer =
          std::make_shared<IntegerLinear>(columns_by_position(*layer.contents()->quantized, window),
                                          layer.contents()->bias, *layer.input(), path);
      const NativeConvolution native(integer, window);
      testing::expect_convolves(native, layer, map, window, 1e-5);
    }
  }
}

TEST_P(EveryKernel, NoRowsGiveNoRows) {
  const SimulatedLinear layer =
      layer_of(std::get<1>(GetParam()), random_normal({4, 8}, 1), 6, true);
  const IntegerPath* path = path_for(layer);
  if (path == nullptr) return;
  EXPECT_EQ(native_of(layer, *path).forward(at::zeros({0, 8})).sizes(), at::IntArrayRef({0, 6}));
}

INSTANTIATE_TEST_SUITE_P(NativeLinear, EveryKernel,
                         ::testing::Combine(::testing::ValuesIn(testing::names_of(integer_paths())),
                                            ::testing::ValuesIn(input_kinds())),
                         [](const auto& test) {
                           return testing::identifier(std::get<0>(test.param)) + "_" +
                                  std::get<1>(test.param).name;
                         });

TEST(NativeLinear, ANaNStaysInItsRow) {
  const InputKind& kind = input_kinds().front();
  const at::Tensor x = random_normal({4, 20}, 1);
  const SimulatedLinear layer = layer_of(kind, x, 6, true);
  const NativeLinear native(std::make_shared<IntegerLinear>(
      *layer.contents()->quantized, layer.contents()->bias, *layer.input(), nullptr));
  x[2][5] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor broken = native.forward(x).isnan();
  EXPECT_TRUE(broken[2].all().item<bool>());
  EXPECT_EQ(broken.sum().item<std::int64_t>(), 6);
}

TEST(NativeLinear, APathThatWouldSaturateIsReplaced) {
  const InputKind kind = {"", Scheme::kAffine, RangeKind::kDynamic, Granularity::kToken, 8, 8};
  const SimulatedLinear layer = layer_of(kind, random_normal({4, 20}, 1), 6, true);
  const IntegerPath& path = find_integer_path("avx2", "test");
  if (!path.supported()) GTEST_SKIP() << "this processor lacks avx2";
  EXPECT_STRNE(native_of(layer, path).panels().path_name(), "avx2");
}

}  // namespace
}  // namespace clipq
