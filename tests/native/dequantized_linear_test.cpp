#include "clipq/kernels/dequantized_linear.h"

#include "clipq/native/dequantized_convolution.h"
#include "linear_under_test.h"

namespace clipq {
namespace {

using testing::input_in;
using testing::Kinds;
using testing::LinearUnderTest;
using testing::random_normal;
using testing::weight_in;

std::vector<Kinds> dequantized_kinds() {
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

class EveryDequantizedLinear : public testing::LinearOnPath<FloatPath> {
 protected:
  EveryDequantizedLinear() : LinearOnPath(float_paths()) {}

  LinearUnderTest linear() const {
    const auto make = [this](const LinearContents& contents) {
      return std::make_shared<DequantizedLinear>(*contents.quantized, contents.bias, contents.input,
                                                 path());
    };
    return under_test(make, 2e-6 + path()->rounding);
  }
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
    linear().expect_simulated(random_normal({rows, in}, 1), out, rows % 2 == 0);
  }
  linear().expect_simulated(random_normal({2, 3, 40}, 2), 12, true);
  linear().expect_simulated(random_normal({10000, 9}, 1), 6, true);
}

TEST_P(EveryDequantizedLinear, ComputesWhatSimulateDoesOnExtremeValues) {
  linear().expect_simulated(testing::extreme_rows(), 66, true);
  linear().expect_simulated(at::zeros({3, 70}), 66, true);
}

TEST_P(EveryDequantizedLinear, NoRowsGiveNoRows) { linear().expect_no_rows_for_none(8); }

TEST_P(EveryDequantizedLinear, ANaNStaysInItsRowUnlessARangeSpansRows) {
  linear().expect_nan_stays();
}

TEST_P(EveryDequantizedLinear, ConvolvesAsSimulateDoes) {
  for (const std::int64_t channels : {3, 20}) {
    for (const ConvolutionWindow& window : {ConvolutionWindow{3, 1}, ConvolutionWindow{3, 2}}) {
      const at::Tensor map = random_normal({3, 7, 6, channels}, 5).add_(0.3);
      const Kinds& kinds = std::get<1>(GetParam());
      const SimulatedLinear layer = testing::layer_of(kinds, unfold(map, window), 10, true);
      const LinearContents contents = *layer.contents();
      const DequantizedConvolution native(*contents.quantized, contents.bias, contents.input,
                                          path(), window);
      testing::expect_convolves(native, layer, map, window, 1e-5 + path()->rounding);
    }
  }
}

/// Each path with what it is exact for, whether or not this processor has it.
std::vector<std::tuple<std::string, Kinds>> paths_with_kinds() {
  std::vector<std::tuple<std::string, Kinds>> all;
  for (const FloatPath& path : float_paths()) {
    for (const Kinds& each : dequantized_kinds()) {
      if (path.exact(each.weight, each.input)) all.emplace_back(path.name, each);
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(DequantizedLinear, EveryDequantizedLinear,
                         ::testing::ValuesIn(paths_with_kinds()), testing::case_name);

}  // namespace
}  // namespace clipq
