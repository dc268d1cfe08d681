#include <gmock/gmock.h>

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

using ::testing::HasSubstr;

TEST(Strings, SuggestionNamesTheNearestWord) {
  EXPECT_EQ(suggestion("fp8_e4m", {"int8", "fp8_e4m3", "fp8_e5m2"}),
            "; did you mean \"fp8_e4m3\"?");
  EXPECT_EQ(suggestion("x", {}), "");
}

TEST(Strings, JoinKeepsEmptyItems) {
  EXPECT_EQ(join({"", "a", "", "b"}, ","), ",a,,b");
  EXPECT_EQ(join({}, ","), "");
}

TEST(Strings, MebibytesArePowersOfTwo) { EXPECT_EQ(mebibytes(3 * 1024 * 1024 / 2), "1.50 MiB"); }

TEST(Json, ParseErrorNamesFileLineAndColumn) {
  try {
    parse_json("{\n  \"a\": 1,\n  oops\n}", "recipe.json");
    FAIL();
  } catch (const InputError& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("recipe.json:3:3: not valid JSON"));
  }
}

TEST(Json, UnknownKeyNamesTheNearestOne) {
  try {
    require_known_keys(parse_json(R"({"fromat": "int8"})", "t"), {"format", "match"}, "rule 2");
    FAIL();
  } catch (const UsageError& failure) {
    EXPECT_THAT(failure.what(),
                HasSubstr("rule 2: unknown key \"fromat\"; did you mean \"format\"?"));
  }
}

TEST(Json, WrongTypeNamesKeyAndValue) {
  const Json object = parse_json(R"({"bits": "eight"})", "t");
  EXPECT_EQ(json_value(object, "other", 7, "t"), 7);
  EXPECT_THROW(json_value(object, "bits", 7, "t"), UsageError);
}

TEST(Sha256, EqualsTheStandardsExample) {  // FIPS 180-2, appendix B.1
  Sha256 hash;
  hash.update("a");
  hash.update("bc");
  EXPECT_EQ(hash.finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace clipq
