#include "clipq/core/json.h"

#include <gmock/gmock.h>

#include "clipq/core/files.h"
#include "temporary_folder.h"

namespace clipq {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string parse_error(const std::string& text) {
  try {
    parse_json(text, "a.json");
  } catch (const InputError& failure) {
    return failure.what();
  }
  return "";
}

struct Case {
  std::string text;
  std::string place;
  std::string words;
};

TEST(ParseJson, SaysInPlainWordsWhatWasExpectedWhere) {
  const std::vector<Case> cases = {
      {"apple\npear\n", "1:1", "expected a value (an object"},
      {"apple\npear\n", "1:1", "got 'apple'"},
      {"{\"a\": 1,\n \"b\" 2}", "2:6", "expected a colon after the key, got '2'"},
      {"{\"a\": 1,\n b: 2}", "2:2", "expected a key in double quotes, got 'b'"},
      {"{\"a\": 1 \"b\": 2}", "1:11", "expected a comma or a }, got '\"'"},
      {"[1 2]", "1:4", "expected a comma or a ], got '2'"},
      {"[1, 2", "1:6", "expected a comma or a ], got the end"},
      {"", "1:1", "got the end"},
      {"{} {}", "1:4", "expected nothing after the document, got '{'"},
      {"[01]", "1:3", "expected a comma or a ], got '01'"},
      {"[-x]", "1:3", "expected a number such as 1, -0.5 or 2e3, got '-x'"},
      {"[\"a\nb\"]", "1:4", "no line break or other control character within a string, got a line"},
      {"[\"a\\x\"]", "1:5", "one of \\\""},
      {"[1e999]", "", "a number in it is too large"},
  };
  for (const Case& each : cases) {
    EXPECT_THAT(parse_error(each.text),
                AllOf(StartsWith(each.place.empty() ? "a.json: " : "a.json:" + each.place),
                      HasSubstr("not valid JSON: "), HasSubstr(each.words),
                      Not(HasSubstr("json.exception")), Not(HasSubstr("\xff"))))
        << each.text;
  }
}

TEST(ParseJson, ReadsObjectsOfManyKeysInOrder) {
  constexpr std::size_t kKeys = 400'000;
  std::string text = "{";
  for (std::size_t i = 0; i < kKeys; ++i) text += cat("\"", kKeys - i, "\": ", i, ", ");
  text += cat("\"", kKeys, "\": \"again\", \"5\": [{\"5\": 7}]}");
  const Json json = parse_json(text, "a.json");
  ASSERT_EQ(json.size(), kKeys);
  EXPECT_EQ(json.begin().key(), cat(kKeys));
  EXPECT_EQ(json.begin().value(), "again");  // the last of two counts
  EXPECT_EQ((--json.end()).key(), "1");
  EXPECT_EQ((--json.end()).value(), kKeys - 1);
  EXPECT_EQ(json["5"], Json::parse(R"([{"5": 7}])"));
}

TEST(ParseJson, ReadsUtf16WithAMarkAndRefusesOtherEncodings) {
  EXPECT_EQ(parse_json(std::string_view("\xff\xfe[\0]\0", 6), "a.json"), Json::array());
  EXPECT_THAT(parse_error("[\"caf\xe9\"]"), HasSubstr("a.json:1: byte 6 of the line is 0xE9"));
}

TEST(ParseJson, RefusesDocumentsThatOneCouldNotCopy) {
  const int levels = 100'000;
  EXPECT_THAT(parse_error(std::string(levels, '[') + std::string(levels, ']')),
              HasSubstr("more than 200 levels deep"));
  std::string objects;
  for (int i = 0; i < levels; ++i) objects += "{\"a\":";
  EXPECT_THAT(parse_error(objects), HasSubstr("more than 200 levels deep"));
  EXPECT_EQ(parse_json("[\"" + std::string(levels, '[') + "\\\"[\"]", "").size(), 1u);
  EXPECT_TRUE(json_or_text(std::string(levels, '[') + std::string(levels, ']')).is_string());
}

TEST(ReadConfiguration, IsAUsageErrorUnlessItIsJson) {
  testing::TemporaryFolder folder;
  write_file(folder / "recipe.json", "{]");
  EXPECT_THROW(read_configuration(folder / "recipe.json"), UsageError);
  EXPECT_THROW(read_json(folder / "recipe.json"), InputError);
  EXPECT_THROW(read_configuration(folder / "missing.json"), InputError);
}

TEST(JsonValue, TakesWholeNumbersOnlyWhereTheyFit) {
  const Json json = {{"fine", 3.0},       {"half", 0.5}, {"huge", 1e300}, {"wide", 1LL << 40},
                     {"unsigned", ~0ULL}, {"text", "3"}, {"truth", true}};
  EXPECT_EQ(json_value(json, "fine", 0, ""), 3);
  EXPECT_EQ(json_value<std::int64_t>(json, "wide", 0, ""), 1LL << 40);
  for (const char* key : {"half", "huge", "wide", "unsigned", "text", "truth"}) {
    EXPECT_THROW(json_value(json, key, 0, "place"), UsageError) << key;
  }
}

}  // namespace
}  // namespace clipq
