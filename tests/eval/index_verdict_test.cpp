#include "clipq/eval/index_verdict.h"

#include <gmock/gmock.h>

#include <cmath>
#include <string>

namespace clipq {
namespace {

using ::testing::StrEq;

DirectedLoss loss(const std::string& metric, double value, double low, double high) {
  return {metric, {value, low, high}};
}

TEST(IndexVerdict, IsAboutTheWholeInterval) {
  struct Case {
    double low;
    double high;
    IndexVerdict expected;
  };
  for (const Case& each :
       {Case{-0.002, 0.004, IndexVerdict::kCompatible},
        Case{-0.002, 0.01, IndexVerdict::kCompatible},
        Case{-0.002, 0.011, IndexVerdict::kUndecided}, Case{0.01, 0.02, IndexVerdict::kUndecided},
        Case{0.011, 0.02, IndexVerdict::kIncompatible}}) {
    EXPECT_EQ(judge({loss("r", 0.001, each.low, each.high)}, 1).verdict, each.expected)
        << each.low << " to " << each.high;
  }
}

TEST(IndexVerdict, IsDecidedByTheDirectionThatReachesFarthest) {
  const DirectedLoss small = loss("small", 0, -0.002, 0.002);
  const DirectedLoss wide = loss("wide", 0, -0.05, 0.05);
  const DirectedLoss large = loss("large", 0.03, 0.02, 0.04);
  EXPECT_THAT(judge({small, wide}, 1).decisive->metric, StrEq("wide"));
  EXPECT_EQ(judge({small, wide}, 1).verdict, IndexVerdict::kUndecided);
  EXPECT_THAT(judge({wide, large, small}, 1).decisive->metric, StrEq("large"));
  EXPECT_EQ(judge({wide, large, small}, 1).verdict, IndexVerdict::kIncompatible);
}

TEST(IndexVerdict, IsUndecidedByNothing) {
  const Judgement judgement = judge({}, 1);
  EXPECT_EQ(judgement.verdict, IndexVerdict::kUndecided);
  EXPECT_FALSE(judgement.decisive);
}

TEST(IndexVerdict, ALossIsTheBaseLessTheOther) {
  const Outcomes base = {"1111", {}, {}};
  const RecallLoss lost = recall_loss(base, {"1101", {}, {}});
  EXPECT_DOUBLE_EQ(lost.value, 0.25);
  EXPECT_LT(lost.low, lost.value);
  EXPECT_GT(lost.high, lost.value);
  EXPECT_FALSE(std::signbit(recall_loss(base, base).value));
}

TEST(IndexVerdict, SaysWhetherRecallIsLostOrGained) {
  EXPECT_THAT(loss_text(loss("recall@10", 0.001, -0.002, 0.004)),
              StrEq("loses 0.10 [-0.20, 0.40] points of recall@10"));
  EXPECT_THAT(loss_text(loss("recall@10", -0.001, -0.004, 0.002)),
              StrEq("gains 0.10 [-0.20, 0.40] points of recall@10"));
}

}  // namespace
}  // namespace clipq
