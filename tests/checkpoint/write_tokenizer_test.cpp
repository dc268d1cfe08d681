#include "clipq/checkpoint/write_tokenizer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "clipq/checkpoint/tokenizer_documents.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "clipq/core/sorted_json.h"
#include "clipq/text/sentencepiece_proto.h"
#include "clipq/text/tokenizer_source.h"
#include "tokenizer_kinds.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Tokenizer read(const Documents& documents) {
  return read_tokenizer(documents, /*is_hugging_face=*/true, "model").value();
}

Json parsed(const std::string& document) { return parse_json(document, "document"); }

/// The small merges with some settings changed.
template <typename Change>
Tokenizer small_tokenizer(const Change& change) {
  TokenizerSource source = Tokenizer::from_merges(kMerges, "merges").source();
  change(source.settings);
  return {source, "small"};
}

class ReadableKind : public ::testing::TestWithParam<const char*> {};

TEST_P(ReadableKind, IsReadBackAsWritten) {
  const Documents documents = documents_of(GetParam());
  const Tokenizer tokenizer = read(documents);
  const TokenizerFiles files = write_tokenizer(tokenizer, kContext);
  EXPECT_THAT(files.inexpressible, IsEmpty());
  const Tokenizer again =
      read({{"tokenizer.json", files.tokenizer}, {"tokenizer_config.json", files.config}});
  EXPECT_EQ(again.source().settings, tokenizer.source().settings);
  const Json golden = parsed(documents.at("golden.json"));
  for (const Json& each : golden) {
    const std::vector<std::string> text = {each.at("text").get<std::string>()};
    EXPECT_EQ(again.tokenize(text, kContext), each.at("row").get<std::vector<std::int32_t>>())
        << each.dump();
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ReadableKind, ::testing::Values("clip", "gemma"),
                         [](const auto& test) { return std::string(test.param); });

TEST(WriteTokenizer, OpenAisVocabularyIsInItsOrder) {
  const TokenizerFiles files = write_tokenizer(Tokenizer::standard(), 77);
  const SortedJson json = parse_sorted_json(files.tokenizer, "tokenizer.json");
  const SortedJson& model = json.at("model");
  EXPECT_EQ(model.at("vocab").size(), 49408U);
  EXPECT_EQ(model.at("merges").size(), 48894U);
  EXPECT_EQ(model.at("vocab").at("!"), 0);
  EXPECT_EQ(model.at("vocab").at("!</w>"), 256);
  EXPECT_EQ(model.at("vocab").at("<end_of_text>"), 49407);
  EXPECT_EQ(json.at("padding").at("pad_id"), 0);
  EXPECT_EQ(json.at("truncation").at("max_length"), 77);
  EXPECT_EQ(parsed(files.config).at("pad_token"), "!");
  EXPECT_EQ(parsed(files.config).at("model_max_length"), 77);
  EXPECT_THAT(files.inexpressible, ElementsAre(HasSubstr("ligatures"), HasSubstr("HTML")));
}

TEST(WriteTokenizer, ConfigHasTheFramesTokens) {
  const Tokenizer tokenizer = read(documents_of("clip"));
  const Json config = parsed(write_tokenizer(tokenizer, kContext).config);
  EXPECT_EQ(config.at("tokenizer_class"), "CLIPTokenizer");
  EXPECT_EQ(config.at("bos_token"), "<|startoftext|>");
  EXPECT_EQ(config.at("eos_token"), "<|endoftext|>");
  EXPECT_EQ(config.at("pad_token"), "<|endoftext|>");
  EXPECT_EQ(config.at("added_tokens_decoder").at("1013").at("special"), true);
}

TEST(WriteTokenizer, PadsOnTheLeftIfTheModelDoes) {
  const TokenizerFiles files = write_tokenizer(
      small_tokenizer([](TokenizerSettings& settings) { settings.frame.pads_left = true; }), 5);
  EXPECT_EQ(parsed(files.tokenizer).at("padding").at("direction"), "Left");
  EXPECT_EQ(parsed(files.config).at("padding_side"), "left");
}

TEST(WriteTokenizer, TokensThatCleaningDeletesArentLookedFor) {
  const auto added = [](const TextCleaning& cleaning) {
    const Tokenizer tokenizer = small_tokenizer([&](auto& each) { each.cleaning = cleaning; });
    return parsed(write_tokenizer(tokenizer, 5).tokenizer).at("added_tokens").size();
  };
  EXPECT_EQ(added(open_clip_lower()), 2U);
  EXPECT_EQ(added(open_clip_canonicalize()), 0U);
}

TEST(WriteTokenizer, UnigramKeepsPiecesScoresAndNormalization) {
  const Tokenizer tokenizer = read(documents_of("siglip"));
  const UnigramPieces pieces = unigram_pieces(tokenizer.source().vocabulary, "model");
  const Json json = parsed(write_tokenizer(tokenizer, kContext).tokenizer);
  const Json& vocabulary = json.at("model").at("vocab");
  ASSERT_EQ(vocabulary.size(), pieces.pieces.size());
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    EXPECT_EQ(vocabulary[i][0], pieces.pieces[i].text);
    EXPECT_EQ(vocabulary[i][1].get<float>(), pieces.pieces[i].score);
  }
  EXPECT_EQ(json.at("model").at("unk_id"), 2);
  const Json source = parsed(documents_of("siglip_open_clip").at("tokenizer.json"));
  const Json& normalizers = json.at("normalizer").at("normalizers");
  const auto precompiled =
      std::find_if(normalizers.begin(), normalizers.end(),
                   [](const Json& each) { return each.at("type") == "Precompiled"; });
  ASSERT_NE(precompiled, normalizers.end());
  EXPECT_EQ(precompiled->at("precompiled_charsmap"),
            source.at("normalizer").at("normalizers").at(0).at("precompiled_charsmap"));
}

TEST(WriteTokenizer, UnigramPiecesAreReadBackAsWritten) {
  const UnigramPieces written = {.pieces = {{"<unk>", 0}, {"a", -1.5F}, {"</s>", 0, true}},
                                 .unknown = 0,
                                 .charsmap = "",
                                 .adds_prefix = false,
                                 .collapses_spaces = false,
                                 .byte_fallback = true};
  const UnigramPieces read = unigram_pieces(to_sentencepiece(written), "model");
  ASSERT_EQ(read.pieces.size(), 3U);
  EXPECT_EQ(read.pieces[1].text, "a");
  EXPECT_EQ(read.pieces[1].score, -1.5F);
  EXPECT_FALSE(read.pieces[1].is_control);
  EXPECT_TRUE(read.pieces[2].is_control);
  EXPECT_EQ(read.unknown, 0);
  EXPECT_FALSE(read.adds_prefix);
  EXPECT_FALSE(read.collapses_spaces);
  EXPECT_TRUE(read.byte_fallback);
  EXPECT_THROW(unigram_pieces("\x0A\x7F", "model"), InputError);
}

TEST(WriteTokenizer, WhatTheLibraryCantDoIsAnError) {
  const auto message_of = [](const Tokenizer& tokenizer, std::int64_t context) -> std::string {
    try {
      write_tokenizer(tokenizer, context);
    } catch (const UsageError& failure) {
      return failure.what();
    }
    return "no UsageError";
  };
  EXPECT_THAT(message_of(read(documents_of("gemma_sentencepiece")), kContext),
              HasSubstr("only a plain unigram model can be written"));
  EXPECT_THAT(message_of(Tokenizer::from_merges(kMerges, "merges"), 2), HasSubstr("at least 3"));
  const Tokenizer renamed = small_tokenizer(
      [](TokenizerSettings& settings) { settings.added = {{.text = "cat</w>", .id = 600}}; });
  EXPECT_THAT(message_of(renamed, 5), HasSubstr("\"cat</w>\" is id 600, but its vocabulary"));
  const Tokenizer padded = small_tokenizer([](TokenizerSettings& settings) {
    settings.added = {{.text = "<far>", .id = 600}};
    settings.frame.pad = 550;
  });
  EXPECT_THAT(message_of(padded, 5), HasSubstr("no token has the id 550"));
}

}  // namespace
}  // namespace clipq
