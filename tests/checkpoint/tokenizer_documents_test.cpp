#include "clipq/checkpoint/tokenizer_documents.h"

#include <gmock/gmock.h>

#include <functional>

#include "clipq/core/base64.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/text/gzip.h"
#include "clipq/text/tokenizer_source.h"
#include "temporary_folder.h"
#include "tokenizer_kinds.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tokenizer tokenizer_of(const Documents& documents) {
  const auto tokenizer = read_tokenizer(documents, /*is_hugging_face=*/true, "model");
  if (!tokenizer) throw InputError("no tokenizer");
  return *tokenizer;
}

std::string input_error(const Documents& documents) {
  try {
    tokenizer_of(documents);
  } catch (const InputError& failure) {
    return failure.what();
  }
  return "no InputError";
}

/// Made by tests/golden/make_tokenizer_kinds_golden.py from transformers and sentencepiece.
class EveryKind : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryKind, GivesTheRowsOfTheOriginal) {
  Documents documents = documents_of(GetParam());
  const Json golden = parse_json(documents["golden.json"], "golden.json");
  ASSERT_GE(golden.size(), 90U);
  const Tokenizer tokenizer = tokenizer_of(documents);
  const Tokenizer restored(
      {parse_tokenizer_settings(to_json(tokenizer.source().settings), "settings"),
       tokenizer.source().vocabulary},
      "vocabulary");
  for (const Json& each : golden) {
    const auto row = each.at("row").get<std::vector<std::int32_t>>();
    const std::vector<std::string> text = {each.at("text").get<std::string>()};
    EXPECT_EQ(tokenizer.tokenize(text, kContext), row) << each.dump();
    EXPECT_EQ(restored.tokenize(text, kContext), row) << each.dump();
  }
}

TEST_P(EveryKind, TruncatedOrDamagedDocumentsAreErrors) {
  const Documents whole = documents_of(GetParam());
  for (const char* name : {"tokenizer.json", "spiece.model", "tokenizer.model"}) {
    if (whole.count(name) == 0) continue;
    for (std::size_t part = 1; part < 40; ++part) {
      Documents documents = whole;
      std::string& bytes = documents[name];
      bytes.resize(bytes.size() * part / 40);
      EXPECT_THAT(input_error(documents), HasSubstr(cat("model: ", name))) << part;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind,
                         ::testing::Values("clip", "siglip", "siglip_open_clip", "gemma",
                                           "gemma_sentencepiece"),
                         [](const auto& test) { return std::string(test.param); });

TEST(TokenizerDocuments, WithoutOnesThereIsNone) {
  EXPECT_FALSE(read_tokenizer({{"config.json", "{}"}}, true, "model"));
}

TEST(TokenizerDocuments, MergesAreOpenClipsUnlessTheModelIsHuggingFaces) {
  const Documents documents = {{"merges.txt", kMerges}};
  const auto open_clip = read_tokenizer(documents, /*is_hugging_face=*/false, "model");
  const auto hugging_face = read_tokenizer(documents, /*is_hugging_face=*/true, "model");
  ASSERT_TRUE(open_clip && hugging_face);
  EXPECT_THAT(open_clip->tokenize({"cat"}, 5), ElementsAre(514, 513, 515, 0, 0));
  EXPECT_THAT(hugging_face->tokenize({"cat"}, 5), ElementsAre(514, 513, 515, 515, 515));
  EXPECT_THAT(hugging_face->encode("<|endoftext|>"), ElementsAre(515));
}

TEST(TokenizerDocuments, PaddingIsTheConfigurations) {
  Documents documents = {{"merges.txt", kMerges},
                         {"vocab.json", R"({"!": 0, "~": 93, "!</w>": 256, "ca": 512,
                                            "cat</w>": 513, "other": 1})"},
                         {"tokenizer_config.json", R"({"pad_token": "!"})"}};
  EXPECT_THAT(tokenizer_of(documents).tokenize({"cat"}, 4), ElementsAre(514, 513, 515, 0));
  documents["tokenizer_config.json"] = R"({"pad_token": {"content": "?"}, "padding_side": "left"})";
  EXPECT_THAT(input_error(documents), HasSubstr("\"?\", which tokenizer_config.json"));
  documents["tokenizer_config.json"] = R"({"pad_token": 7})";
  EXPECT_THAT(input_error(documents), HasSubstr("\"pad_token\" has the wrong type: 7"));
}

TEST(TokenizerDocuments, BytesMayBeBase64) {
  Documents documents = documents_of("siglip");
  const Tokenizer plain = tokenizer_of(documents);
  documents["spiece.model.base64"] = base64(documents["spiece.model"]);
  documents.erase("spiece.model");
  EXPECT_EQ(tokenizer_of(documents).source(), plain.source());
  documents["spiece.model.base64"] += "?";
  EXPECT_THAT(input_error(documents), HasSubstr("not base64"));
}

TEST(TokenizerDocuments, FileReplacesTheTokenizer) {
  const testing::TemporaryFolder folder;
  write_file(folder / "merges.gz", gzip(kMerges));
  Documents documents = documents_of("gemma");
  documents.erase("tokenizer_config.json");
  replace_tokenizer(documents, folder / "merges.gz");
  EXPECT_EQ(tokenizer_of(documents).vocabulary_size(), 516);
  for (const std::string file : {"siglip/spiece.model", "gemma_sentencepiece/tokenizer.model",
                                 "gemma/tokenizer.json", "clip/tokenizer.json"}) {
    replace_tokenizer(documents, CLIPQ_TEST_DATA "/tokenizers/" + file);
    EXPECT_GE(tokenizer_of(documents).vocabulary_size(), 500) << file;
  }
  write_file(folder / "cut.gz", gzip(kMerges).substr(0, 30));
  EXPECT_THROW(replace_tokenizer(documents, folder / "cut.gz"), InputError);
}

/// A tokenizer.json with one thing changed.
struct Change {
  const char* kind;
  std::function<void(Json& json)> apply;
  const char* message;
};

TEST(TokenizerJson, ContradictionsAndOtherKindsAreErrors) {
  const std::vector<Change> changes = {
      {"gemma",
       [](Json& json) {
         json["model"]["merges"][0] = {"zz", "qq"};
       },
       "lacks \"zzqq\""},
      {"gemma", [](Json& json) { json["model"]["merges"][0] = 3; }, "not a pair of pieces: 3"},
      {"gemma", [](Json& json) { json["model"]["vocab"]["a"] = 4294967296; }, "has the id"},
      {"gemma", [](Json& json) { json["model"]["vocab"]["a"] = -1; }, "has the id -1"},
      {"gemma", [](Json& json) { json["model"]["vocab"]["a"] = 5; }, "two pieces have the id 5"},
      {"gemma", [](Json& json) { json["model"]["dropout"] = 0.5; }, "\"dropout\" is 0.5"},
      {"gemma", [](Json& json) { json["added_tokens"][0]["id"] = "x"; }, "expected an id"},
      {"gemma", [](Json& json) { json["added_tokens"] = 1; }, "its added_tokens is 1"},
      {"gemma",
       [](Json& json) {
         json["normalizer"] = {{"type", "NFKD"}};
       },
       "NFKD"},
      {"gemma", [](Json& json) { json["model"]["byte_fallback"] = false; },
       "its model is BPE, which"},
      {"clip", [](Json& json) { json["model"]["vocab"]["!"] = 7; }, "\"!\" isn't id 0"},
      {"clip",
       [](Json& json) {
         json["model"]["merges"][0] = {"zz", "q"};
       },
       "isn't id 512"},
      {"clip",
       [](Json& json) {
         json["pre_tokenizer"] = {{"type", "Whitespace"}};
       },
       "Whitespace"},
      {"clip", [](Json& json) { json["post_processor"]["cls"] = 1; }, "its post_processor is"},
      {"clip", [](Json& json) { json["post_processor"]["cls"][1] = 99999; }, "id 99999 stands"},
      {"clip",
       [](Json& json) {
         json["model"] = {{"type", "WordPiece"}};
       },
       "WordPiece"},
      {"siglip_open_clip", [](Json& json) { json["model"]["vocab"][5] = 1; },
       "not a piece and its"},
      {"siglip_open_clip",
       [](Json& json) {
         json["model"]["vocab"][5] = {"", -1.0};
       },
       "piece 5 is"},
      {"siglip_open_clip", [](Json& json) { json["model"]["vocab"][5][1] = 1e300; }, "no finite"},
      {"siglip_open_clip", [](Json& json) { json["model"]["vocab"][5][0] = "</s>"; }, "twice"},
      {"siglip_open_clip", [](Json& json) { json["model"]["unk_id"] = 100000; }, "not a Sentence"},
      {"siglip_open_clip",
       [](Json& json) {
         json["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", "////fwAA"}};
       },
       "its normalization table is damaged"}};
  for (const Change& change : changes) {
    Documents documents = documents_of(change.kind);
    Json json = parse_json(documents["tokenizer.json"], "tokenizer.json");
    change.apply(json);
    documents["tokenizer.json"] = json.dump();
    EXPECT_THAT(input_error(documents), HasSubstr(change.message)) << change.kind;
  }
}

/// Every byte of the table is changed in turn: a model loads and encodes, or is an error.
TEST(SentencePieceModel, DamagedTablesNeverLeadOutOfBounds) {
  const Documents whole = documents_of("siglip");
  int loaded = 0;
  for (std::size_t at = 0; at < whole.at("spiece.model").size(); at += 7) {
    Documents documents = whole;
    documents["spiece.model"][at] ^= static_cast<char>(0xFF);
    try {
      EXPECT_EQ(tokenizer_of(documents).tokenize({"A full-width \uFF21\uFB01\u3000text"}, 8).size(),
                8U);
      ++loaded;
    } catch (const InputError&) {
    }
  }
  EXPECT_GT(loaded, 10);
}

}  // namespace
}  // namespace clipq
