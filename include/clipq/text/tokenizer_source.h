#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clipq/core/json.h"
#include "clipq/text/clean_text.h"
#include "clipq/text/split_words.h"

namespace clipq {

/// What splits cleaned text into ids.
enum class TokenModelKind {
  kClipBpe,         ///< vocabulary: merges in OpenAI's layout
  kSentencePiece,   ///< vocabulary: a serialized sentencepiece.ModelProto
  kByteFallbackBpe  ///< vocabulary: "model" of a tokenizer.json, as JSON or gzipped JSON
};

/// What stands around a text's ids in a row.
struct TokenFrame {
  std::optional<std::int32_t> start;
  std::optional<std::int32_t> end;
  std::int32_t pad = 0;
  bool pads_left = false;

  bool operator==(const TokenFrame&) const = default;
};

/// A literal spelling in texts that is an id by itself, as Hugging Face's tokenizers have them.
struct AddedToken {
  std::string text;
  std::int32_t id = 0;
  bool normalized = false;    ///< looked for in the cleaned text, in its own cleaned spelling
  bool strips_left = false;   ///< takes white space before it
  bool strips_right = false;  ///< takes white space behind it

  bool operator==(const AddedToken&) const = default;
};

/// How texts become ids with a vocabulary.
struct TokenizerSettings {
  TokenModelKind kind = TokenModelKind::kClipBpe;
  TextCleaning preparation;  ///< before added tokens are looked for: open_clip's `clean`
  TextCleaning cleaning;     ///< of what is between them
  WordPattern words = WordPattern::kOpenClip;  ///< of kClipBpe
  std::vector<AddedToken> added;
  bool continues_words = false;  ///< text behind an added token doesn't begin a word
  TokenFrame frame;

  bool operator==(const TokenizerSettings&) const = default;
};

/// All that a tokenizer is made of, for artifacts.
struct TokenizerSource {
  TokenizerSettings settings;
  std::string vocabulary;  ///< bytes; see TokenModelKind

  bool operator==(const TokenizerSource&) const = default;
};

/// What parse_tokenizer_settings() reads.
Json to_json(const TokenizerSettings& settings);

/// Throws InputError that names `where` if a key is missing, unknown or of the wrong type.
TokenizerSettings parse_tokenizer_settings(const Json& json, const std::string& where);

}  // namespace clipq
