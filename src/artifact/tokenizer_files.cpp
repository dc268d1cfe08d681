#include "clipq/artifact/tokenizer_files.h"

#include <utility>

#include "clipq/checkpoint/checkpoint_contents.h"
#include "clipq/core/base64.h"
#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"
#include "clipq/text/tokenizer_source.h"

namespace clipq {
namespace {

constexpr const char* kMerges = "bpe_vocab";

/// The vocabulary, decoded. Throws InputError if there is none.
std::string vocabulary_of(const Documents& documents, const std::string& where) {
  const std::string place = cat(where, ": ", kTokenizerVocabularyDocument);
  const auto plain = documents.find(kTokenizerVocabularyDocument);
  if (plain != documents.end()) return plain->second;
  const auto encoded = documents.find(cat(kTokenizerVocabularyDocument, kEncodedEnding));
  if (encoded == documents.end()) throw InputError(cat(place, " is missing"));
  return from_base64(encoded->second, place);
}

}  // namespace

Documents to_documents(const Tokenizer& tokenizer) {
  TokenizerSource source = tokenizer.source();
  const bool is_clip_bpe = source.settings.kind == TokenModelKind::kClipBpe;
  if (is_clip_bpe && Tokenizer::from_merges(source.vocabulary, kMerges).source() == source) {
    return {{kMerges, std::move(source.vocabulary)}};
  }
  return {{kTokenizerSettingsDocument, to_json(source.settings).dump(1)},
          {kTokenizerVocabularyDocument, std::move(source.vocabulary)}};
}

std::string tokenizer_digest(const Documents& documents, const std::string& where) {
  if (const auto merges = documents.find(kMerges); merges != documents.end()) {
    return sha256_of(merges->second);
  }
  const auto settings = documents.find(kTokenizerSettingsDocument);
  if (settings == documents.end()) return "";
  return sha256_of(
      cat(sha256_of(settings->second), " ", sha256_of(vocabulary_of(documents, where))));
}

std::optional<Tokenizer> tokenizer_of(const Documents& documents, const std::string& where) {
  if (const auto merges = documents.find(kMerges); merges != documents.end()) {
    return Tokenizer::from_merges(merges->second, cat(where, ": ", kMerges));
  }
  const auto settings = documents.find(kTokenizerSettingsDocument);
  if (settings == documents.end()) return std::nullopt;
  const std::string place = cat(where, ": ", kTokenizerSettingsDocument);
  return Tokenizer({parse_tokenizer_settings(parse_json(settings->second, place), place),
                    vocabulary_of(documents, where)},
                   cat(where, ": ", kTokenizerVocabularyDocument));
}

}  // namespace clipq
