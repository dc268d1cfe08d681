#include "tokenizer_files.h"

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/text/tokenizer_source.h"

namespace clipq {
namespace {

constexpr const char* kMerges = "bpe_vocab";
constexpr const char* kSettings = "clipq_tokenizer.json";
constexpr const char* kVocabulary = "tokenizer_vocabulary";

}  // namespace

std::map<std::string, std::string> to_extra_files(const Tokenizer& tokenizer) {
  TokenizerSource source = tokenizer.source();
  const bool is_clip_bpe = source.settings.kind == TokenModelKind::kClipBpe;
  if (is_clip_bpe && Tokenizer::from_merges(source.vocabulary, kMerges).source() == source) {
    return {{kMerges, std::move(source.vocabulary)}};
  }
  return {{kSettings, to_json(source.settings).dump(1)},
          {kVocabulary, std::move(source.vocabulary)}};
}

std::optional<Tokenizer> read_extra_files(const TorchScriptArchive& archive,
                                          const std::string& where) {
  if (const auto merges = archive.extra(kMerges)) {
    return Tokenizer::from_merges(*merges, cat(where, ": extra/", kMerges));
  }
  const auto settings = archive.extra(kSettings);
  if (!settings) return std::nullopt;
  const std::string place = cat(where, ": extra/", kSettings);
  auto vocabulary = archive.extra(kVocabulary);
  if (!vocabulary) throw InputError(cat(where, ": extra/", kVocabulary, " is missing"));
  return Tokenizer(
      {parse_tokenizer_settings(parse_json(*settings, place), place), std::move(*vocabulary)},
      cat(where, ": extra/", kVocabulary));
}

}  // namespace clipq
