#include "clipq/core/progress.h"

#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "clipq/core/strings.h"

namespace clipq {
namespace {

using ::testing::MatchesRegex;
using ::testing::StartsWith;

TEST(DurationText, SecondsMinutesHours) {
  EXPECT_EQ(duration_text(-1), "0 s");
  EXPECT_EQ(duration_text(7.1), "8 s");
  EXPECT_EQ(duration_text(119), "119 s");
  EXPECT_EQ(duration_text(121), "3 min");
  EXPECT_EQ(duration_text(7199), "120 min");
  EXPECT_EQ(duration_text(2 * 3600), "2 h 0 min");
  EXPECT_EQ(duration_text(3 * 3600 + 20 * 60 - 1), "3 h 20 min");
}

TEST(OverallProgress, TimeLeftIsUnknownUntilAPartHasWorked) {
  OverallProgress progress({{.work = 1}, {.work = 1}});
  progress.begin();
  EXPECT_EQ(progress.text(), "1 of 2");
}

TEST(OverallProgress, TimeLeftFollowsFromWhatWorkTook) {
  OverallProgress progress({{.work = 1}, {.work = 10000}, {.seconds = 3600}});
  progress.begin();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  progress.end(true);
  progress.begin();
  // 10,000 times 0.1 s and an hour: 77 minutes or, on a slow machine, more.
  EXPECT_THAT(progress.text(), MatchesRegex("2 of 3, about ([7-9][0-9]|1[01][0-9]) min left"));
  progress.end(true);
  progress.begin();
  EXPECT_EQ(progress.text(), "3 of 3, about 60 min left");
}

TEST(OverallProgress, PartsThatHadNothingToDoTellNothing) {
  OverallProgress progress({{.work = 1}, {.work = 1}});
  progress.begin();
  progress.end(false);
  progress.begin();
  EXPECT_EQ(progress.text(), "2 of 2");
}

TEST(OverallProgress, KnownSecondsAreKnownFromTheBeginning) {
  OverallProgress progress({{.seconds = 20}, {.seconds = 30}});
  progress.begin();
  EXPECT_THAT(progress.text(), StartsWith("1 of 2, about 50 s left"));
}

}  // namespace
}  // namespace clipq
