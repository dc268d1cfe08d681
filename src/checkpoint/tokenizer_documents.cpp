#include "clipq/checkpoint/tokenizer_documents.h"

#include <functional>
#include <utility>

#include "clipq/core/base64.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"
#include "clipq/text/clip_bpe_model.h"
#include "clipq/text/gzip.h"
#include "clipq/text/sentencepiece_model.h"
#include "clipq/text/sentencepiece_proto.h"
#include "clipq/text/tokenizer_source.h"
#include "open_clip_tokenizer.h"
#include "tokenizer_config.h"
#include "tokenizer_json.h"

namespace clipq {
namespace {

constexpr const char* kOwnMerges = "bpe_vocab";
constexpr const char* kMerges = "merges.txt";
constexpr const char* kVocabulary = "vocab.json";
constexpr const char* kTokenizer = "tokenizer.json";
constexpr const char* kUnigram = "spiece.model";
constexpr const char* kSentencePieceBpe = "tokenizer.model";

constexpr const char* kClipStart = "<|startoftext|>";
constexpr const char* kClipEnd = "<|endoftext|>";

using IdOf = std::function<std::optional<std::int32_t>(const std::string& token)>;

std::int32_t require_id(const IdOf& id_of, const std::string& token, const std::string& place) {
  if (const auto id = id_of(token)) return *id;
  throw InputError(cat(place, ": \"", token, "\", which tokenizer_config.json or ",
                       "special_tokens_map.json names, isn't in the vocabulary; the files belong ",
                       "to different tokenizers"));
}

/// The classes that put their start and end as flags of tokenizer_config.json say, whatever
/// tokenizer.json has.
bool has_flags(const TokenizerConfig& config) {
  return config.is_there &&
         (config.tokenizer_class == "GemmaTokenizer" || config.tokenizer_class == "LlamaTokenizer");
}

/// Start, end and padding as the configuration has them; what it doesn't say stays.
void apply(const TokenizerConfig& config, const IdOf& id_of, const std::string& place,
           TokenFrame& frame) {
  if (config.pad_token) frame.pad = require_id(id_of, *config.pad_token, place);
  frame.pads_left = config.pads_left.value_or(has_flags(config));
  if (!has_flags(config)) return;
  frame.start.reset();
  frame.end.reset();
  if (config.adds_start.value_or(true)) {
    frame.start = require_id(id_of, config.start_token.value_or("<bos>"), place);
  }
  if (config.adds_end.value_or(false)) {
    frame.end = require_id(id_of, config.end_token.value_or("<eos>"), place);
  }
}

class TokenizerReader {
 public:
  TokenizerReader(const Documents& documents, bool is_hugging_face, const std::string& where)
      : documents_(documents),
        where_(where),
        open_clip_(read_open_clip_tokenizer(documents, is_hugging_face, where)),
        has_hugging_face_config_(is_hugging_face || documents.count("config.json") > 0),
        config_(read_tokenizer_config(documents, where)) {}

  std::optional<Tokenizer> read() const {
    if (const auto merges = document(kOwnMerges)) return Tokenizer::from_merges(*merges, where_);
    const bool is_clips =
        open_clip_.is_there ? !open_clip_.is_hugging_face : !has_hugging_face_config_;
    const auto tokenizer = document(kTokenizer);
    const auto merges = document(kMerges);
    if (is_clips && merges) return from_merges(*merges, /*is_hugging_face=*/false);
    const bool is_siglip = config_.tokenizer_class == "SiglipTokenizer";
    for (const char* name : {kUnigram, kSentencePieceBpe}) {
      const auto model = document(name);
      if (model && (is_siglip || !tokenizer)) return from_sentencepiece(*model, name);
    }
    if (tokenizer) return from_tokenizer_json(*tokenizer, !is_clips);
    if (merges) return from_merges(*merges, /*is_hugging_face=*/true);
    return std::nullopt;
  }

 private:
  std::string place(const std::string& name) const { return cat(where_, ": ", name); }

  std::optional<std::string> document(const std::string& name) const {
    if (const auto found = documents_.find(name); found != documents_.end()) return found->second;
    const auto found = documents_.find(name + kEncodedEnding);
    if (found == documents_.end()) return std::nullopt;
    return from_base64(found->second, place(found->first));
  }

  Tokenizer from_merges(const std::string& merges, bool is_hugging_face) const {
    SortedJson vocabulary = SortedJson::object();
    if (const auto document = this->document(kVocabulary)) {
      vocabulary = parse_sorted_json(*document, place(kVocabulary));
      if (!vocabulary.is_object()) throw InputError(place(kVocabulary) + ": expected an object");
      require_openai_order(vocabulary, merges, place(kVocabulary));
    }
    if (!is_hugging_face) return from_open_clip(merges, place(kMerges));
    TokenizerSource source;
    source.vocabulary = merges;
    source.settings.words = WordPattern::kHuggingFace;
    source.settings.cleaning = hugging_face_clip_cleaning();
    return finish_clip(std::move(source), vocabulary, place(kMerges));
  }

  /// OpenAI's BPE as open_clip has it, with the cleaning of its configuration.
  Tokenizer from_open_clip(const std::string& merges, const std::string& place) const {
    Tokenizer tokenizer = Tokenizer::from_merges(merges, place);
    if (!open_clip_.clean) return tokenizer;
    TokenizerSource source = tokenizer.source();
    source.settings.cleaning = *open_clip_.clean;
    return {source, place};
  }

  /// Puts start and end around where no document has them.
  Tokenizer finish_clip(TokenizerSource source, const SortedJson& vocabulary,
                        const std::string& place) const {
    TokenizerSettings& settings = source.settings;
    const ClipBpeModel model(source.vocabulary, settings.words, place);
    const auto end = static_cast<std::int32_t>(model.size() - 1);
    if (!settings.frame.end) settings.frame = {.start = end - 1, .end = end};
    settings.frame.pad = *settings.frame.end;
    if (settings.added.empty()) {
      settings.added = {{.text = kClipStart, .id = end - 1, .normalized = true},
                        {.text = kClipEnd, .id = end, .normalized = true}};
    }
    const IdOf id_of = [&](const std::string& token) -> std::optional<std::int32_t> {
      for (const AddedToken& added : settings.added) {
        if (added.text == token) return added.id;
      }
      const auto found = vocabulary.find(token);
      const bool is_id = found != vocabulary.end() && found->is_number_unsigned();
      return is_id ? std::optional(found->get<std::int32_t>()) : std::nullopt;
    };
    return finish(std::move(source), id_of, place);
  }

  Tokenizer from_tokenizer_json(const std::string& document, bool is_hugging_face) const {
    const std::string where = place(kTokenizer);
    const TokenizerJson json(document, where);
    TokenizerSource source = json.source();
    if (source.settings.kind == TokenModelKind::kClipBpe) {
      return is_hugging_face ? finish_clip(std::move(source), json.vocabulary(), where)
                             : from_open_clip(source.vocabulary, where);
    }
    const IdOf id_of = [&json](const std::string& token) { return json.id_of(token); };
    if (config_.tokenizer_class == "Siglip2Tokenizer") {
      source.settings.cleaning.insert(source.settings.cleaning.begin(),
                                      CleaningStep::kLowerCharacters);
    }
    source.settings.frame.pad = id_of("<pad>").value_or(source.settings.frame.end.value_or(0));
    return finish(std::move(source), id_of, where);
  }

  Tokenizer from_sentencepiece(const std::string& bytes, const std::string& name) const {
    const SentencePieceModel model(bytes, place(name));
    const IdOf id_of = [&model](const std::string& piece) { return model.id_of(piece); };
    TokenizerSource source;
    source.vocabulary = bytes;
    TokenizerSettings& settings = source.settings;
    settings.kind = TokenModelKind::kSentencePiece;
    settings.frame.end = model.end_id();
    settings.frame.pad = name == kUnigram ? model.end_id().value_or(0) : model.pad_id().value_or(0);
    const bool is_plain = open_clip_.is_hugging_face || config_.is_there;
    if (config_.tokenizer_class == "SiglipTokenizer" || (!is_plain && name == kUnigram)) {
      settings.cleaning = hugging_face_siglip_cleaning();
      if (config_.lower_case.value_or(true)) {
        settings.preparation = {CleaningStep::kLowerCharacters};
      }
      add_special_tokens(settings, id_of, {config_.end_token.value_or("</s>"), "<unk>"});
      for (AddedToken& token : settings.added) token.strips_left = token.strips_right = true;
      settings.continues_words = true;
    }
    if (has_flags(config_))
      add_special_tokens(settings, id_of, {"<pad>", "<eos>", "<bos>", "<unk>"});
    if (config_.tokenizer_class == "Siglip2Tokenizer") {
      settings.cleaning = {CleaningStep::kLowerCharacters};
    }
    return finish(std::move(source), id_of, place(name));
  }

  /// Literal spellings that Hugging Face's tokenizers take for their special tokens.
  static void add_special_tokens(TokenizerSettings& settings, const IdOf& id_of,
                                 const std::vector<std::string>& tokens) {
    for (const std::string& token : tokens) {
      if (const auto id = id_of(token)) settings.added.push_back({.text = token, .id = *id});
    }
  }

  Tokenizer finish(TokenizerSource source, const IdOf& id_of, const std::string& place) const {
    apply(config_, id_of, place, source.settings.frame);
    if (open_clip_.is_hugging_face) {
      TextCleaning& preparation = source.settings.preparation;
      const TextCleaning first = open_clip_.clean.value_or(open_clip_whitespace());
      preparation.insert(preparation.begin(), first.begin(), first.end());
    }
    return {source, place};
  }

  const Documents& documents_;
  const std::string& where_;
  OpenClipTokenizer open_clip_;
  bool has_hugging_face_config_;
  TokenizerConfig config_;
};

}  // namespace

const std::vector<std::string>& tokenizer_document_names() {
  static const std::vector<std::string> names = {kMerges,
                                                 kVocabulary,
                                                 kTokenizer,
                                                 kUnigram,
                                                 kSentencePieceBpe,
                                                 std::string(kUnigram) + kEncodedEnding,
                                                 std::string(kSentencePieceBpe) + kEncodedEnding,
                                                 "tokenizer_config.json",
                                                 "special_tokens_map.json"};
  return names;
}

std::optional<Tokenizer> read_tokenizer(const Documents& documents, bool is_hugging_face,
                                        const std::string& where) {
  return TokenizerReader(documents, is_hugging_face, where).read();
}

void replace_tokenizer(Documents& documents, const std::filesystem::path& file) {
  for (const char* name :
       {kOwnMerges, kMerges, kVocabulary, kTokenizer, kUnigram, kSentencePieceBpe}) {
    documents.erase(name);
    documents.erase(std::string(name) + kEncodedEnding);
  }
  const std::string where = file.string();
  std::string bytes = read_file(file);
  if (is_gzip(bytes)) bytes = gunzip(bytes, where);
  if (looks_like_sentencepiece(bytes)) {
    documents[is_unigram(bytes, where) ? kUnigram : kSentencePieceBpe] = std::move(bytes);
    return;
  }
  std::string text = utf8_text(std::move(bytes), where);
  documents[text.starts_with('{') ? kTokenizer : kMerges] = std::move(text);
}

}  // namespace clipq
