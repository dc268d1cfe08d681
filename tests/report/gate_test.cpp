#include "clipq/report/gate.h"

#include <gmock/gmock.h>

#include <limits>

#include "clipq/core/error.h"
#include "clipq/report/gate_check.h"
#include "measured_results.h"

namespace clipq {
namespace {

using testing::benched;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kBase;
using testing::kInt8;
using testing::with_outcomes;

template <typename Function>
std::string refusal(Function function) {
  try {
    function();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no UsageError";
}

/// The status and the text of each outcome of `gates` on one comparison.
std::vector<std::string> outcomes(const Comparison& comparison, const Gates& gates) {
  std::vector<std::string> texts;
  for (const GateOutcome& each : check_gates({kBase.model, {comparison}}, gates)) {
    texts.push_back(cat(to_string(each.status), " ", each.text));
  }
  return texts;
}

Gates max_drop(double points, const std::string& metric = "acc1") {
  Gates gates;
  gates.drops = {{metric, points}};
  return gates;
}

Gates min_speedup(const SpeedGate& gate) {
  Gates gates;
  gates.speeds = {gate};
  return gates;
}

Comparison compared(const Result& base, const Result& now) {
  return compare_results({base, benched(kBase, 90)}, {now, benched(kInt8, 45)}).comparisons[0];
}

/// A fall by 0.5 points without outcomes; the latency of images halves.
Comparison by_half_a_point() {
  Result base = with_outcomes(kBase, 375, 625);
  Result now = with_outcomes(kInt8, 380, 620);
  base.outcomes.clear();
  now.outcomes.clear();
  return compared(base, now);
}

TEST(GateArguments, AreParsed) {
  const DropGate drop = parse_drop_gate("image_retrieval_recall@5=0.25");
  EXPECT_EQ(drop.metric, "image_retrieval_recall@5");
  EXPECT_EQ(drop.points, 0.25);
  EXPECT_EQ(parse_drop_gate("acc1=0").points, 0);
  EXPECT_EQ(parse_size_gate("0.3"), 0.3);
  const SpeedGate every = parse_speed_gate("1.5");
  EXPECT_EQ(every.tower, "");
  EXPECT_EQ(every.batch_size, 0);
  EXPECT_EQ(every.speed_up, 1.5);
  EXPECT_EQ(parse_speed_gate("text_prompts=2").tower, "text_prompts");
  EXPECT_EQ(parse_speed_gate("image.32=1.5").batch_size, 32);
}

TEST(GateArguments, GoalsAreParsed) {
  for (const std::string text : {"acc1 drop <= 0.3", " acc1 drop<=0.3", "acc1  drop <=0.3 "}) {
    const DropGate goal = parse_goal(text);
    EXPECT_EQ(goal.metric, "acc1");
    EXPECT_EQ(goal.points, 0.3);
    EXPECT_EQ(goal_text(goal), "acc1 drop <= 0.3");
  }
  for (const std::string text :
       {"", "acc1", "acc1 drop", "acc1 drop < 1", "acc1 drop <= -1", "acc1 drop <= x",
        "acc1 falls <= 1", "acc1 drop <= 1 2", "acc1 drop 3 <= 1", "<= 1"}) {
    EXPECT_THAT(refusal([&] { parse_goal(text); }), HasSubstr("expected METRIC drop <= POINTS"))
        << text;
  }
}

TEST(GateArguments, MalformedOnesAreRefused) {
  for (const char* text : {"", "acc1", "=1", "acc1=", "acc1=abc", "acc1=1x", "acc1=-1", "acc1=nan",
                           "acc1=inf", "acc1= 1"}) {
    EXPECT_THAT(refusal([text] { parse_drop_gate(text); }),
                HasSubstr(cat("max-drop ", text, ": expected METRIC=POINTS")));
  }
  for (const char* text : {"", "fast", "0", "-1", "nan", "image=", "=2", "image.=2", "image.0=2",
                           "image.x=2", ".32=2"}) {
    EXPECT_THAT(refusal([text] { parse_speed_gate(text); }),
                HasSubstr(cat("min-speedup ", text, ": expected S, TOWER=S")));
  }
  for (const char* text : {"", "small", "0", "-0.3", "nan"}) {
    EXPECT_THAT(refusal([text] { parse_size_gate(text); }),
                HasSubstr("expected a positive number"));
  }
}

TEST(GateCheck, DropIsComparedInPoints) {
  EXPECT_THAT(outcomes(by_half_a_point(), max_drop(1)),
              ElementsAre("pass acc1 drop 0.50 points, at most 1.00"));
  EXPECT_THAT(outcomes(by_half_a_point(), max_drop(0.5)),
              ElementsAre("pass acc1 drop 0.50 points, at most 0.50"));
  EXPECT_THAT(outcomes(by_half_a_point(), max_drop(0.499)),
              ElementsAre("broken acc1 drop 0.500 points, at most 0.499"));
}

TEST(GateCheck, GainIsANegativeDrop) {
  EXPECT_THAT(
      outcomes(compared(with_outcomes(kBase, 50, 50), with_outcomes(kInt8, 40, 60)), max_drop(0)),
      ElementsAre("pass acc1 drop -10.00 points, at most 0.00"));
}

TEST(GateCheck, IntervalBeyondTheLimitIsUncertain) {
  const Comparison comparison =
      compared(with_outcomes(kBase, 40, 60), with_outcomes(kInt8, 40, 60));
  // Bonett and Price by hand: 1.96 sqrt(2 / 102 / 102)
  EXPECT_THAT(
      outcomes(comparison, max_drop(1)),
      ElementsAre("uncertain acc1 drop 0.00 points, at most 1.00: the 95 % interval reaches "
                  "2.72, the sample of 100 items is too small to tell"));
  EXPECT_THAT(outcomes(comparison, max_drop(3)),
              ElementsAre("pass acc1 drop 0.00 points, at most 3.00"));
  Gates certain = max_drop(1);
  certain.require_certain = true;
  EXPECT_THAT(outcomes(comparison, certain), ElementsAre(HasSubstr("broken acc1 drop 0.00")));
}

TEST(GateCheck, WithoutOutcomesNothingIsCertain) {
  Gates certain = max_drop(5);
  certain.require_certain = true;
  EXPECT_THAT(outcomes(by_half_a_point(), certain),
              ElementsAre("broken acc1 drop 0.50 points, at most 5.00: uncertain, because the "
                          "Results don't both have the outcomes of their 1000 items"));
}

TEST(GateCheck, SizeIsComparedWithTheReference) {
  Gates gates;
  gates.max_size_ratio = 0.25;
  EXPECT_THAT(outcomes(by_half_a_point(), gates),
              ElementsAre("pass size 0.25x of the base's file, at most 0.25x"));
  gates.max_size_ratio = 0.2;
  EXPECT_THAT(outcomes(by_half_a_point(), gates),
              ElementsAre("broken size 0.25x of the base's file, at most 0.20x"));
  gates.size_reference = SizeReference::kFloat32;
  EXPECT_THAT(refusal([&] { outcomes(by_half_a_point(), gates); }),
              HasSubstr("models/int8.pt is 1048576 bytes, float32 is of unknown size"));
}

TEST(GateCheck, SpeedUpIsTheLeast) {
  EXPECT_THAT(outcomes(by_half_a_point(), min_speedup({"", 0, 2})),
              ElementsAre("pass image.1 speed-up 2.00x, at least 2.00x"));
  EXPECT_THAT(outcomes(by_half_a_point(), min_speedup({"image", 1, 2.5})),
              ElementsAre("broken image.1 speed-up 2.00x, at least 2.50x"));
}

TEST(GateCheck, GateOnNothingListsWhatThereIs) {
  EXPECT_THAT(refusal([] { outcomes(by_half_a_point(), max_drop(1, "acc")); }),
              HasSubstr("max-drop acc: the base models/base.pt and models/int8.pt don't both have "
                        "this metric on the same data; did you mean \"acc1\"? Compared: acc1"));
  EXPECT_THAT(refusal([] {
                outcomes(by_half_a_point(), min_speedup({"image", 32, 1}));
              }),
              HasSubstr("min-speedup image.32: the base models/base.pt and models/int8.pt don't "
                        "both have such a latency on the same machine; did you mean \"image.1\"? "
                        "Compared: image.1"));
  Comparison nothing;
  EXPECT_THAT(refusal([&] {
                outcomes(nothing, min_speedup({"", 0, 1}));
              }),
              HasSubstr("same machine; compared: none"));
}

TEST(GateCheck, NotANumberNeverPasses) {
  Result base = with_outcomes(kBase, 1, 1);
  Result now = with_outcomes(kInt8, 1, 1);
  now.metrics = {{"acc1", std::numeric_limits<double>::quiet_NaN()}};
  EXPECT_THAT(outcomes(compared(base, now), max_drop(50)),
              ElementsAre(HasSubstr("broken acc1 drop nan points")));
  base.metrics = now.metrics;
  EXPECT_THAT(refusal([&] { outcomes(compared(base, now), max_drop(50)); }),
              HasSubstr("acc1 of the base models/base.pt is NaN"));
}

TEST(GateCheck, DataSetIsNamedWhereSeveralHaveTheMetric) {
  Comparison comparison = by_half_a_point();
  comparison.metrics.push_back(comparison.metrics.front());
  comparison.metrics.back().data.dataset = "cifar10";
  EXPECT_THAT(outcomes(comparison, max_drop(1)),
              ElementsAre("pass acc1 on cifar100 drop 0.50 points, at most 1.00",
                          "pass acc1 on cifar10 drop 0.50 points, at most 1.00"));
}

}  // namespace
}  // namespace clipq
