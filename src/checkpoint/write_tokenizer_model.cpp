#include "write_tokenizer_model.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include "clipq/core/base64.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/text/bpe.h"
#include "clipq/text/gzip.h"
#include "clipq/text/sentencepiece_proto.h"
#include "write_normalizer.h"

namespace clipq {
namespace {

constexpr const char* kWrittenTokenizer = "the tokenizer";
constexpr const char* kWordBeginning = "\xE2\x96\x81";  ///< U+2581, which stands for a blank

/// CLIP's classes of characters; those of open_clip as split_words() has them, where case is
/// ignored.
constexpr const char* kHuggingFaceWords =
    R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
constexpr const char* kOpenClipWords =
    R"(<[s\u017F]tart_of_text>|<end_of_text>|'[s\u017F]|'t|'re|'ve|'m|'ll|'d)"
    R"(|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}\u0345]+)";

TextCleaning all_steps(const TokenizerSettings& settings) {
  TextCleaning steps = settings.preparation;
  steps.insert(steps.end(), settings.cleaning.begin(), settings.cleaning.end());
  return steps;
}

bool keeps(const TextCleaning& cleaning, const std::string& text) {
  return clean_text(text, cleaning) == text;
}

/// Those whose spelling a text can still have when they are looked for. The library looks for them
/// before it cleans.
std::vector<AddedToken> findable(const TokenizerSettings& settings) {
  std::vector<AddedToken> tokens = settings.added;
  std::erase_if(tokens, [&](const AddedToken& token) {
    return token.text.empty() || !keeps(settings.preparation, token.text);
  });
  return tokens;
}

/// open_clip's spellings of start and end, which are in its pattern of words.
std::vector<AddedToken> open_clip_tokens(const TokenizerSettings& settings, std::int32_t start) {
  std::vector<AddedToken> tokens;
  for (const char* text : {"<start_of_text>", "<end_of_text>"}) {
    tokens.push_back({.text = text, .id = start++, .normalized = true});
  }
  const TextCleaning steps = all_steps(settings);
  std::erase_if(tokens, [&](const AddedToken& token) { return !keeps(steps, token.text); });
  return tokens;
}

SortedJson byte_level(bool is_decoder) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", is_decoder},
          {"trim_offsets", true},
          {"use_regex", is_decoder}};
}

SortedJson clip_words(WordPattern words) {
  const bool is_open_clip = words == WordPattern::kOpenClip;
  return {{"type", "Sequence"},
          {"pretokenizers",
           {{{"type", "Split"},
             {"pattern", {{"Regex", is_open_clip ? kOpenClipWords : kHuggingFaceWords}}},
             {"behavior", "Removed"},
             {"invert", true}},
            byte_level(/*is_decoder=*/false)}}};
}

SortedJson lines_of(const std::string& merges) {
  SortedJson lines = SortedJson::array();
  std::istringstream stream(merges);
  std::string line;
  std::getline(stream, line);  // the header
  while (std::getline(stream, line)) lines.push_back(line);
  return lines;
}

/// What start and end are called: as an added token with that id, else as the library does whose
/// words they are.
std::string name_of(std::int32_t id, bool is_start, const TokenizerSettings& settings) {
  for (const AddedToken& token : settings.added) {
    if (token.id == id) return token.text;
  }
  const bool is_open_clip = settings.words == WordPattern::kOpenClip;
  if (is_start) return is_open_clip ? "<start_of_text>" : "<|startoftext|>";
  return is_open_clip ? "<end_of_text>" : "<|endoftext|>";
}

/// Gives the model's vocabulary the added tokens: the library gives ids of its own to those that
/// aren't there.
void add_to_vocabulary(const std::vector<AddedToken>& added, SortedJson& vocabulary) {
  for (const AddedToken& token : added) {
    const SortedJson& id = vocabulary.emplace(token.text, token.id).first.value();
    if (id == token.id) continue;
    throw UsageError(cat(kWrittenTokenizer, ": its added token \"", token.text, "\" is id ",
                         token.id, ", but its vocabulary has it as id ", id.dump(),
                         ", which tokenizer.json can't express"));
  }
}

TokenizerJsonParts clip_parts(const TokenizerSource& source) {
  const TokenizerSettings& settings = source.settings;
  const Bpe bpe(source.vocabulary, kWrittenTokenizer);
  std::vector<std::string> tokens = bpe.symbols();
  tokens.push_back(name_of(bpe.start_id(), true, settings));
  tokens.push_back(name_of(bpe.end_id(), false, settings));
  TokenizerJsonParts parts;
  SortedJson vocabulary = SortedJson::object();
  std::int32_t id = 0;
  for (std::string& token : tokens) {
    vocabulary[token] = id;
    parts.names[id++] = std::move(token);
  }
  parts.unknown = parts.names.at(bpe.end_id());
  parts.added = findable(settings);
  if (settings.words == WordPattern::kOpenClip) {
    for (AddedToken& token : open_clip_tokens(settings, bpe.start_id())) {
      if (parts.names.at(token.id) == token.text) parts.added.push_back(std::move(token));
    }
  }
  add_to_vocabulary(settings.added, vocabulary);
  parts.model = {{"type", "BPE"},
                 {"dropout", nullptr},
                 {"unk_token", parts.unknown},
                 {"continuing_subword_prefix", ""},
                 {"end_of_word_suffix", "</w>"},
                 {"fuse_unk", false},
                 {"byte_fallback", false},
                 {"ignore_merges", false},
                 {"vocab", std::move(vocabulary)},
                 {"merges", lines_of(bpe.merges())}};
  parts.normalizers = normalizers_of(all_steps(settings));
  parts.pre_tokenizer = clip_words(settings.words);
  parts.decoder = byte_level(/*is_decoder=*/true);
  return parts;
}

TokenizerJsonParts byte_fallback_parts(const TokenizerSource& source) {
  const std::string& packed = source.vocabulary;
  TokenizerJsonParts parts;
  parts.model = parse_sorted_json(is_gzip(packed) ? gunzip(packed, kWrittenTokenizer) : packed,
                                  kWrittenTokenizer);
  add_to_vocabulary(source.settings.added, parts.model["vocab"]);
  for (const auto& [piece, id] : parts.model["vocab"].items()) {
    parts.names[id.get<std::int32_t>()] = piece;
  }
  const SortedJson unknown = parts.model.value("unk_token", SortedJson());
  if (unknown.is_string()) parts.unknown = unknown.get<std::string>();
  parts.added = findable(source.settings);
  parts.normalizers = normalizers_of(all_steps(source.settings));
  parts.decoder = {
      {"type", "Sequence"},
      {"decoders",
       {{{"type", "Replace"}, {"pattern", {{"String", kWordBeginning}}}, {"content", " "}},
        SortedJson::object({{"type", "ByteFallback"}}),
        SortedJson::object({{"type", "Fuse"}})}}};
  return parts;
}

/// A blank is put before the text, and behind added tokens, too: the scheme "first" leaves it out
/// where the normalizer took away the first character. `add_prefix_space` is what transformers.js
/// reads.
SortedJson metaspace(const UnigramPieces& pieces) {
  return {{"type", "Metaspace"},
          {"replacement", kWordBeginning},
          {"add_prefix_space", pieces.adds_prefix},
          {"prepend_scheme", pieces.adds_prefix ? "always" : "never"},
          {"split", false}};
}

/// SentencePiece's own normalization.
std::vector<SortedJson> sentencepiece_normalizers(const UnigramPieces& pieces) {
  std::vector<SortedJson> all;
  if (!pieces.charsmap.empty()) {
    all.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", base64(pieces.charsmap)}});
  }
  if (pieces.collapses_spaces) {
    all.push_back({{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}});
    all.push_back({{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}});
  }
  return all;
}

/// The library gives tokens that are no piece the ids behind the pieces, in their order.
void require_own_ids(const std::vector<AddedToken>& added,
                     const std::map<std::int32_t, std::string>& names) {
  auto next = static_cast<std::int32_t>(names.size());
  for (const AddedToken& token : added) {
    const auto piece = names.find(token.id);
    if (piece != names.end() ? piece->second == token.text : token.id == next++) continue;
    throw UsageError(cat(kWrittenTokenizer, ": its added token \"", token.text, "\" is id ",
                         token.id, ", which tokenizer.json can't express with ", names.size(),
                         " pieces"));
  }
}

bool is_added(const std::vector<AddedToken>& added, const std::string& text) {
  return std::any_of(added.begin(), added.end(),
                     [&](const AddedToken& token) { return token.text == text; });
}

TokenizerJsonParts unigram_parts(const TokenizerSource& source) {
  const TokenizerSettings& settings = source.settings;
  const UnigramPieces pieces = unigram_pieces(source.vocabulary, kWrittenTokenizer);
  const TextCleaning steps = all_steps(settings);
  TokenizerJsonParts parts;
  SortedJson vocabulary = SortedJson::array();
  std::int32_t id = 0;
  for (const auto& [text, score, is_control] : pieces.pieces) {
    vocabulary.push_back(SortedJson::array({text, score}));
    parts.names[id++] = text;
    if (is_control && !is_added(settings.added, text) && keeps(steps, text)) {
      parts.inexpressible.push_back(cat("\"", text, "\" as plain text"));
    }
  }
  parts.unknown = parts.names.at(static_cast<std::int32_t>(pieces.unknown));
  parts.added = findable(settings);
  require_own_ids(parts.added, parts.names);
  for (const AddedToken& token : parts.added) parts.names[token.id] = token.text;
  parts.model = {{"type", "Unigram"},
                 {"unk_id", pieces.unknown},
                 {"vocab", std::move(vocabulary)},
                 {"byte_fallback", pieces.byte_fallback}};
  parts.normalizers = normalizers_of(steps);
  for (SortedJson& each : sentencepiece_normalizers(pieces)) {
    parts.normalizers.push_back(std::move(each));
  }
  parts.pre_tokenizer = metaspace(pieces);
  parts.decoder = parts.pre_tokenizer;
  if (settings.continues_words && pieces.adds_prefix && !parts.added.empty()) {
    parts.inexpressible.push_back(
        cat("words that continue behind \"", parts.added.front().text, "\" as plain text"));
  }
  return parts;
}

TokenizerJsonParts parts_of(const TokenizerSource& source) {
  switch (source.settings.kind) {
    case TokenModelKind::kClipBpe:
      return clip_parts(source);
    case TokenModelKind::kSentencePiece:
      return unigram_parts(source);
    case TokenModelKind::kByteFallbackBpe:
      return byte_fallback_parts(source);
  }
  throw InternalError("a kind of tokenizer that can't be written");
}

}  // namespace

TokenizerJsonParts tokenizer_json_parts(const TokenizerSource& source) {
  TokenizerJsonParts parts = parts_of(source);
  std::stable_sort(parts.added.begin(), parts.added.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  const std::vector<std::string> steps = unnormalized(all_steps(source.settings));
  parts.inexpressible.insert(parts.inexpressible.begin(), steps.begin(), steps.end());
  return parts;
}

}  // namespace clipq
