#include "clipq/text/tokenizer.h"

#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "clipq/core/json.h"
#include "clipq/text/tokenizer_source.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

constexpr const char* kSmallMerges = "#version: small\nc a\nca t</w>\nd o\n";

const Tokenizer& standard() {
  static const Tokenizer tokenizer = Tokenizer::standard();
  return tokenizer;
}

template <typename Action>
std::string input_error(Action action) {
  try {
    action();
  } catch (const InputError& failure) {
    return failure.what();
  }
  return "no InputError";
}

/// Made by tests/golden/make_tokenizer_golden.py from open_clip's tokenizer.
TEST(Tokenizer, EncodesAsOpenClipDoes) {
  const Json cases = read_json(CLIPQ_TEST_DATA "/tokenizer.json");
  ASSERT_GE(cases.size(), 150U);
  for (const Json& each : cases) {
    const std::string text = each.at("text").get<std::string>();
    EXPECT_EQ(standard().encode(text), each.at("ids").get<Ids>()) << each.dump();
  }
}

TEST(Tokenizer, StandardVocabularyIsClips) {
  EXPECT_EQ(standard().vocabulary_size(), 49408);
  EXPECT_EQ(standard().frame().start, 49406);
  EXPECT_EQ(standard().frame().end, 49407);
}

TEST(Tokenizer, RowsAreStartIdsEndZeros) {
  EXPECT_THAT(standard().tokenize({"a cat", ""}, 6),
              ElementsAre(49406, 320, 2368, 49407, 0, 0, 49406, 49407, 0, 0, 0, 0));
}

TEST(Tokenizer, TooLongTextIsCutAndEndsWithEnd) {
  EXPECT_THAT(standard().tokenize({"a a a", "a a a a"}, 5),
              ElementsAre(49406, 320, 320, 320, 49407, 49406, 320, 320, 320, 49407));
  EXPECT_THAT(standard().tokenize({"a"}, 1), ElementsAre(49407));
  EXPECT_THROW(standard().tokenize({"a"}, 0), UsageError);
}

TEST(Tokenizer, SourceGivesTheSameTokenizerAgain) {
  const Tokenizer again(standard().source(), "source()");
  EXPECT_EQ(again.source(), standard().source());
  EXPECT_EQ(again.encode("A photo of 2 cats."), standard().encode("A photo of 2 cats."));
}

TEST(Tokenizer, SmallVocabulary) {
  const Tokenizer small = Tokenizer::from_merges(kSmallMerges, "small");
  EXPECT_EQ(small.vocabulary_size(), 512 + 3 + 2);
  EXPECT_EQ(small.frame().end, 516);
  // Bytes stand in the order of the table: "!" is 0, "o" 78, "x" 87; plus 256 at a word's end.
  EXPECT_THAT(small.encode("cat x dox <end_of_text>"),
              ElementsAre(513, 256 + 87, 514, 256 + 87, 516));
}

TEST(Tokenizer, SymbolOfSeveralMergesHasTheIdOfTheLast) {
  const Tokenizer small = Tokenizer::from_merges("#\na b\nb c\na bc\nab c\n", "small");
  EXPECT_THAT(small.encode("abcx"), ElementsAre(515, 256 + 87));
}

TEST(Tokenizer, WindowsLineEndsAndBlankLastLines) {
  EXPECT_EQ(Tokenizer::from_merges("#h\nc a\r\nca t\r\n\r\n\n", "m").vocabulary_size(), 516);
}

TEST(Tokenizer, WrongMergesNameTheLine) {
  EXPECT_THAT(input_error([] { Tokenizer::from_merges("#h\na b\na b c\n", "m.txt"); }),
              HasSubstr("m.txt:3: expected a merge"));
  EXPECT_THAT(input_error([] { Tokenizer::from_merges("#h\na bc\n", "m.txt"); }),
              HasSubstr("m.txt:2: \"bc\" is neither"));
  EXPECT_THAT(input_error([] { Tokenizer::from_merges("{\"a\": 1}", "v.json"); }),
              HasSubstr("v.json: no merges"));
}

TEST(Tokenizer, IllFormedUtf8IsTheReplacementCharacter) {
  EXPECT_EQ(standard().encode("a\xff"
                              "b"),
            standard().encode("a\uFFFD"
                              "b"));
  EXPECT_EQ(standard().encode("\xed\xa0\x80"), standard().encode("\uFFFD\uFFFD\uFFFD"));
  EXPECT_EQ(standard().encode("\xf0\x9f\x98"), standard().encode("\uFFFD"));
}

TEST(Tokenizer, IsSafeInManyThreads) {
  const Ids expected = standard().encode("a photo of a cat");
  std::vector<Ids> got(4);
  std::vector<std::thread> threads;
  for (Ids& each : got) {
    threads.emplace_back([&each] { each = standard().encode("a photo of a cat"); });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_THAT(got, ::testing::Each(expected));
}

TEST(Tokenizer, FiftyThousandCaptionsTakeSeconds) {
  std::vector<std::string> captions;
  for (int i = 0; i < 50000; ++i) {
    captions.push_back(cat("A photo of the number ", i * 7919, " caf\u00e9s, near a red bus."));
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(standard().tokenize(captions, 77).size(), captions.size() * 77);
  // 0.8 s on the two-core machine that it was written on; the bound leaves room for sanitizers.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace clipq
