#include "clipq/kernels/grouped_linear.h"

#include <ATen/ops/cat.h>

#include "linear_under_test.h"

namespace clipq {
namespace {

using testing::input_in;
using testing::Kinds;
using testing::LinearUnderTest;
using testing::random_normal;
using testing::weight_in;

QuantizerSpec int4_in_groups(std::int64_t size) {
  return weight_in(Format::kInt4, Granularity::kGroup, Scheme::kSymmetric, size);
}

std::vector<Kinds> grouped_kinds() {
  using enum Granularity;
  using enum RangeKind;
  return {{"AffineToken", int4_in_groups(64),
           input_in(Format::kInt8, kDynamic, kToken, Scheme::kAffine)},
          {"SymmetricToken", int4_in_groups(64), input_in(Format::kInt8, kDynamic, kToken)},
          {"AffineStatic", int4_in_groups(64),
           input_in(Format::kInt8, kStatic, kTensor, Scheme::kAffine)},
          {"DynamicTensor", int4_in_groups(64),
           input_in(Format::kInt8, kDynamic, kTensor, Scheme::kAffine)},
          {"WideGroups", int4_in_groups(128),
           input_in(Format::kInt8, kDynamic, kToken, Scheme::kAffine)}};
}

class EveryGroupedLinear : public testing::LinearOnPath<IntegerPath> {
 protected:
  EveryGroupedLinear() : LinearOnPath(integer_paths()) {}

  LinearUnderTest linear() const {
    const auto make = [this](const LinearContents& contents) {
      return std::make_shared<GroupedLinear>(*contents.quantized, contents.bias, *contents.input,
                                             path());
    };
    return under_test(make, 2e-6);
  }
};

TEST_P(EveryGroupedLinear, ComputesWhatSimulateDoesOnOddShapes) {
  for (const auto& [rows, in, out] : std::vector<std::tuple<int, int, int>>{{1, 128, 1},
                                                                            {1, 128, 64},
                                                                            {7, 384, 130},
                                                                            {16, 128, 32},
                                                                            {17, 256, 33},
                                                                            {97, 128, 18},
                                                                            {50, 768, 100}}) {
    linear().expect_simulated(random_normal({rows, in}, 1), out, rows % 2 == 0);
  }
  linear().expect_simulated(random_normal({2, 3, 128}, 2), 12, true);
  linear().expect_simulated(random_normal({10000, 128}, 1), 6, true);
}

TEST_P(EveryGroupedLinear, ComputesWhatSimulateDoesOnExtremeValues) {
  const at::Tensor rows = testing::extreme_rows();
  const at::Tensor zeros = at::zeros({rows.size(0), 128 - rows.size(1)});
  linear().expect_simulated(at::cat({rows, zeros}, 1), 66, true);
  linear().expect_simulated(at::zeros({3, 128}), 66, true);
}

TEST_P(EveryGroupedLinear, NoRowsGiveNoRows) { linear().expect_no_rows_for_none(128); }

TEST_P(EveryGroupedLinear, ANaNStaysInItsRowUnlessARangeSpansRows) {
  if (std::get<1>(GetParam()).weight.group_size > 64) GTEST_SKIP() << "rows have 64 values";
  linear().expect_nan_stays();
}

std::vector<std::string> paths_with_groups() {
  std::vector<std::string> names;
  for (const IntegerPath& path : integer_paths()) {
    if (path.groups != nullptr) names.emplace_back(path.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(GroupedLinear, EveryGroupedLinear,
                         ::testing::Combine(::testing::ValuesIn(paths_with_groups()),
                                            ::testing::ValuesIn(grouped_kinds())),
                         testing::case_name);

TEST(WhyNotGrouped, NamesWhatIsInTheWay) {
  const auto reason = [](const QuantizerSpec& weight, const std::optional<QuantizerSpec>& input,
                         std::int64_t in) {
    const at::Tensor values = random_normal({8, in}, 1);
    return why_not_grouped(quantize(values, weight, scales_for(weight, range_of(values, weight))),
                           input);
  };
  const QuantizerSpec int8 = input_in(Format::kInt8, RangeKind::kDynamic, Granularity::kToken);
  EXPECT_EQ(reason(int4_in_groups(64), int8, 128), "");
  EXPECT_THAT(reason(int4_in_groups(64), {}, 128), ::testing::HasSubstr("not quantized"));
  EXPECT_THAT(reason(int4_in_groups(24), int8, 96), ::testing::HasSubstr("groups of 24"));
  EXPECT_THAT(reason(int4_in_groups(64), int8, 100), ::testing::HasSubstr("groups of 64"));
  EXPECT_THAT(reason(weight_in(Format::kInt4, Granularity::kChannel), int8, 128),
              ::testing::HasSubstr("no scale a group"));
  EXPECT_THAT(reason(weight_in(Format::kInt8, Granularity::kGroup), int8, 128),
              ::testing::HasSubstr("int8"));
}

}  // namespace
}  // namespace clipq
