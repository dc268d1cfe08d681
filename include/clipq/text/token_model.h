#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace clipq {

struct TokenizerSource;

/// Encodes one thread's texts.
class TokenEncoder {
 public:
  virtual ~TokenEncoder() = default;

  /// Appends the ids of cleaned text (UTF-8) in which there are no added tokens.
  virtual void encode(std::string_view cleaned, std::vector<std::int32_t>& ids) = 0;

  /// The same for text that continues a word: see TokenizerSettings::continues_words.
  virtual void encode_rest(std::string_view cleaned, std::vector<std::int32_t>& ids) {
    encode(cleaned, ids);
  }
};

/// A vocabulary and the algorithm that splits text by it. May be shared by threads.
class TokenModel {
 public:
  virtual ~TokenModel() = default;

  /// The number of its ids, which are 0 to size - 1.
  virtual std::int64_t size() const = 0;

  /// What make_token_model() makes the same model of.
  virtual std::string vocabulary() const = 0;

  /// An encoder that refers to this.
  virtual std::unique_ptr<TokenEncoder> encoder() const = 0;
};

/// The model of the source's kind. Throws InputError that names `where` if the vocabulary is
/// damaged or isn't of that kind.
std::unique_ptr<const TokenModel> make_token_model(const TokenizerSource& source,
                                                   const std::string& where);

}  // namespace clipq
