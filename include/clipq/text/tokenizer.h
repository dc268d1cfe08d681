#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace clipq {

class TokenModel;
struct TokenFrame;
struct TokenizerSettings;
struct TokenizerSource;

/// Turns texts into rows of ids, as the library does that a model was trained with. Copies share
/// their vocabulary; every method may be called from many threads.
class Tokenizer {
 public:
  /// Throws InputError that names `where` if the vocabulary is damaged, or settings don't fit it.
  Tokenizer(const TokenizerSource& source, const std::string& where);

  /// open_clip's SimpleTokenizer, for any text but mojibake, which it doesn't repair.
  /// @param merges text in OpenAI's layout: a header line (skipped), then one merge "a b" per
  /// line, of which at most 48894 are used
  /// Throws InputError that names `where` and the line if it is none.
  static Tokenizer from_merges(std::string_view merges, const std::string& where);

  /// OpenAI's vocabulary of 49408 ids, which is compiled into the program.
  static Tokenizer standard();

  /// The number of ids.
  std::int64_t vocabulary_size() const;

  /// Whether a token embedding of that many rows can be this tokenizer's. One trained with
  /// SentencePiece or Gemma's tokenizer may have been padded with more rows.
  bool fits(std::int64_t rows) const;

  const TokenFrame& frame() const;

  /// "OpenAI's BPE", "SentencePiece", …: for people.
  std::string name() const;

  /// The ids of one text (UTF-8, cleaned here) without start and end.
  std::vector<std::int32_t> encode(std::string_view text) const;

  /// [texts, context_length] row-major: start, ids, end, then pads. A text that is too long is
  /// truncated, but keeps start and end. Throws UsageError if context_length is below 1.
  std::vector<std::int32_t> tokenize(const std::vector<std::string>& texts,
                                     std::int64_t context_length) const;

  /// What makes the same tokenizer again: for artifacts.
  TokenizerSource source() const;

 private:
  struct Parts;

  Tokenizer(TokenizerSettings settings, std::unique_ptr<const TokenModel> model,
            const std::string& where);

  std::shared_ptr<const Parts> parts_;
};

}  // namespace clipq
