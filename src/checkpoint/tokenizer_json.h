#pragma once

#include <optional>
#include <string>

#include "clipq/core/sorted_json.h"
#include "clipq/text/tokenizer_source.h"

namespace clipq {

/// A tokenizer.json of the library `tokenizers`: CLIP's BPE, a BPE with byte fallback as Gemma's,
/// or a unigram model as T5's, which becomes SentencePiece's.
class TokenizerJson {
 public:
  /// Throws InputError that names `place` if it isn't JSON, or no tokenizer of these kinds.
  TokenizerJson(const std::string& document, std::string place);

  /// All but padding, which the file tells only of some last call. Throws InputError that names
  /// what it asks for if clipq can't do that.
  TokenizerSource source() const;

  /// The id of an added token or of a piece of the vocabulary.
  std::optional<std::int32_t> id_of(const std::string& token) const;

  /// `model.vocab`.
  const SortedJson& vocabulary() const { return json_.at("model").at("vocab"); }

 private:
  SortedJson json_;
  std::string place_;
  TokenModelKind kind_;
};

/// Throws InputError unless the vocabulary has the ids that the merges give in OpenAI's order, on
/// which CLIP's BPE relies.
void require_openai_order(const SortedJson& vocabulary, const std::string& merges,
                          const std::string& place);

}  // namespace clipq
