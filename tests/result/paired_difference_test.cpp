#include "clipq/result/paired_difference.h"

#include <gmock/gmock.h>

#include <cmath>

#include "clipq/core/json.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;

TEST(PairedDifference, EqualsPythonsComputation) {
  const Json golden = read_json(CLIPQ_TEST_DATA "/paired_differences.json");
  ASSERT_GE(golden.size(), 10U);
  for (const Json& each : golden) {
    SCOPED_TRACE(each.at("comment"));
    const std::vector<std::int64_t> strata = each.at("strata");
    const std::vector<std::int64_t> clusters = each.at("clusters");
    const PairedDifference found =
        paired_difference({each.at("base"), strata, clusters}, {each.at("new"), strata, clusters});
    constexpr double kTolerance = 1e-12;  // sums of a few hundred float64 in another order
    EXPECT_NEAR(found.difference, each.at("difference"), kTolerance);
    EXPECT_NEAR(found.low, each.at("low"), kTolerance);
    EXPECT_NEAR(found.high, each.at("high"), kTolerance);
    EXPECT_EQ(found.gained, each.at("gained"));
    EXPECT_EQ(found.lost, each.at("lost"));
    EXPECT_EQ(found.items, each.at("base").get<std::string>().size());
    if (each.at("p_value").is_null()) {
      EXPECT_TRUE(std::isnan(found.p_value));
    } else {
      EXPECT_NEAR(found.p_value, each.at("p_value"), kTolerance);
    }
  }
}

TEST(PairedDifference, SmallSampleWithoutDifferencesIsNotCertain) {
  const PairedDifference found = paired_difference({"1101", {}, {}}, {"1101", {}, {}});
  EXPECT_EQ(found.difference, 0);
  EXPECT_LT(found.low, -0.4);
  EXPECT_GT(found.high, 0.4);
  EXPECT_EQ(found.p_value, 1);
}

TEST(PairedDifference, ManyDiscordantItemsDoNotUnderflow) {
  const std::string half(20000, '0');
  const std::string other(20000, '1');
  EXPECT_NEAR(paired_difference({half + other, {}, {}}, {other + half, {}, {}}).p_value, 1, 1e-6);
}

TEST(PairedDifference, OtherItemsAreRefused) {
  const auto failure = [](const Outcomes& base, const Outcomes& now) -> std::string {
    try {
      paired_difference(base, now);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no InputError";
  };
  EXPECT_THAT(failure({"110", {}, {}}, {"11", {}, {}}),
              HasSubstr("the base has 3, the new model 2"));
  EXPECT_THAT(failure({"11", {0, 1}, {}}, {"11", {1, 0}, {}}),
              HasSubstr("for different classes or groups"));
  EXPECT_THAT(failure({"11", {}, {2}}, {"11", {}, {1, 1}}),
              HasSubstr("for different classes or groups"));
  EXPECT_THAT(failure({}, {}), HasSubstr("the base has 0"));
}

}  // namespace
}  // namespace clipq
