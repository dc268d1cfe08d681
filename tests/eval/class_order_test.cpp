#include "clipq/eval/class_order.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "clipq/core/error.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// `count` names, "name 0" and so on.
std::vector<std::string> names(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back("name " + std::to_string(i));
  return all;
}

ClassPlaces places(std::vector<std::string> keys, const std::vector<std::string>& list) {
  std::sort(keys.begin(), keys.end());
  return places_of_folders(keys, list, "names.json");
}

std::string refusal(const std::vector<std::string>& keys, const std::vector<std::string>& list) {
  try {
    places(keys, list);
  } catch (const UsageError& failure) {
    return failure.what();
  }
  return "";
}

TEST(PlacesOfFolders, WholeNumbersAreInTheirOrder) {
  const ClassPlaces found =
      places({"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}, names(12));
  EXPECT_EQ(found.order, "number");
  EXPECT_THAT(found.places, ElementsAre(0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(places({"2", "10", "300"}, names(3)).places, ElementsAre(1, 0, 2) /* 10, 2, 300 */);
}

TEST(PlacesOfFolders, APartOfALongerListIsTakenByNumber) {
  EXPECT_THAT(places({"0", "7", "10"}, names(1000)).places, ElementsAre(0, 10, 7));
  EXPECT_THAT(places({"5", "12"}, names(12)).places, ElementsAre(11, 4));  // from 1: 12 is the last
  EXPECT_THAT(refusal({"3", "10"}, names(12)),
              AllOf(HasSubstr("folder 3 is \"name 3\" (counted from 0)"),
                    HasSubstr("\"name 2\" (counted from 1)"), HasSubstr("{\"10\": …}")));
  EXPECT_THAT(places({"0", "12"}, names(12)).places, IsEmpty());
}

TEST(PlacesOfFolders, OtherNamesAreInTheOrderOfTheirCharacters) {
  const ClassPlaces found = places({"cat", "dog", "bird"}, names(3));
  EXPECT_EQ(found.order, "name");
  EXPECT_THAT(found.places, ElementsAre(0, 1, 2));
  EXPECT_EQ(places({"c01", "c02", "c10"}, names(3)).order, "name");
}

TEST(PlacesOfFolders, TheListsOwnNamesDecide) {
  const ClassPlaces found = places({"cat", "sea_dog", "bird"}, {"Sea dog", "cat", "bird"});
  EXPECT_EQ(found.order, "same names");
  EXPECT_THAT(found.places, ElementsAre(2, 1, 0));
  EXPECT_THAT(places({"c1", "c2", "c10"}, {"c1", "c2", "c10"}).places, ElementsAre(0, 2, 1));
}

TEST(PlacesOfFolders, TwoReadingsAreNotGuessedBetween) {
  EXPECT_THAT(refusal({"class_1", "class_2", "class_10"}, names(3)),
              AllOf(HasSubstr("by number (class_1, class_2, class_10)"),
                    HasSubstr("in lexicographic order (class_1, class_10, class_2)")));
  EXPECT_THAT(refusal({"1", "2", "10", "other"}, names(4)), HasSubstr("is ambiguous"));
  EXPECT_THAT(refusal({"1", "01", "2"}, names(3)), HasSubstr("the same number"));
}

TEST(PlacesOfFolders, AListOfAnotherLengthHasNone) {
  EXPECT_THAT(places({"a", "b"}, names(3)).places, IsEmpty());
  EXPECT_THAT(places({"0", "1", "2"}, names(2)).places, IsEmpty());
}

}  // namespace
}  // namespace clipq
