#include "clipq/bench/latency.h"

#include <gmock/gmock.h>

#include "clipq/bench/environment.h"

namespace clipq {
namespace {

TEST(LatencyStats, MedianAndNearestRank) {
  const LatencyStats odd = latency_stats({3, 1, 2});
  EXPECT_EQ(odd.min_ms, 1);
  EXPECT_EQ(odd.median_ms, 2);
  EXPECT_EQ(odd.p95_ms, 3);
  EXPECT_EQ(latency_stats({4, 1, 2, 3}).median_ms, 2.5);
  std::vector<double> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i);
  EXPECT_EQ(latency_stats(hundred).p95_ms, 95);
  EXPECT_EQ(latency_stats(hundred).repeats, 100);
}

TEST(TimeInterleaved, RunsTasksInTurnAfterTheWarmUp) {
  std::string order;
  LatencyOptions options;
  options.warm_up = 1;
  options.min_repeats = 2;
  options.max_repeats = 2;
  const auto stats = time_interleaved({[&] { order += 'a'; }, [&] { order += 'b'; }}, options);
  EXPECT_EQ(order, "ababab");
  ASSERT_EQ(stats.size(), 2u);
  EXPECT_EQ(stats[0].repeats, 2);
}

TEST(Environment, NamesWhatMeasured) {
  const Environment environment = current_environment();
  EXPECT_FALSE(environment.isa.empty());
  EXPECT_GT(environment.threads, 0);
  EXPECT_THAT(environment.time, ::testing::MatchesRegex("....-..-..T..:..:..Z"));
  EXPECT_GT(peak_resident_bytes(), 1 << 20);
}

}  // namespace
}  // namespace clipq
