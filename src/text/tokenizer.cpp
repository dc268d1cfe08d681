#include "clipq/text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "clipq/core/assets.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/text/added_tokens.h"
#include "clipq/text/clip_bpe_model.h"
#include "clipq/text/gzip.h"
#include "clipq/text/token_model.h"
#include "clipq/text/tokenizer_source.h"

namespace clipq {
namespace {

/// Embeddings of SentencePiece's vocabularies are rounded up to a multiple of this at most.
constexpr std::int64_t kMostUnusedRows = 128;

constexpr const char* kStandardAsset = "bpe_simple_vocab_16e6.txt.gz";

/// The added tokens that are looked for before cleaning, or those looked for after it, in their
/// cleaned spelling.
AddedTokens added_tokens(const TokenizerSettings& settings, bool normalized) {
  std::vector<AddedToken> tokens;
  for (AddedToken token : settings.added) {
    if (token.normalized != normalized) continue;
    if (normalized) token.text = clean_text(token.text, settings.cleaning);
    tokens.push_back(std::move(token));
  }
  return AddedTokens(std::move(tokens));
}

/// Throws InputError unless all ids are ones that a row can have.
void require_valid(const TokenizerSettings& settings, std::int64_t size, const std::string& where) {
  const TokenFrame& frame = settings.frame;
  for (const std::int32_t id : {frame.start.value_or(0), frame.end.value_or(0), frame.pad}) {
    if (id >= 0 && id < size) continue;
    throw InputError(cat(where, ": id ", id, " stands for start, end or padding, but the ",
                         "tokenizer has ", size, " ids"));
  }
}

}  // namespace

struct Tokenizer::Parts {
  TokenizerSettings settings;
  AddedTokens raw;      ///< looked for before cleaning
  AddedTokens cleaned;  ///< looked for after it
  std::unique_ptr<const TokenModel> model;
  std::int64_t size = 0;

  void encode(std::string_view text, TokenEncoder& encoder, std::vector<std::int32_t>& ids) const {
    std::string prepared;
    if (!settings.preparation.empty()) text = prepared = clean_text(text, settings.preparation);
    bool is_first = true;
    for (const AddedTokens::Part& part : raw.split(text)) {
      if (part.id) {
        ids.push_back(*part.id);
      } else if (is_first || !settings.continues_words) {
        encode_part(clean_text(part.text, settings.cleaning), encoder, ids);
      } else {
        encoder.encode_rest(clean_text(part.text, settings.cleaning), ids);
      }
      is_first = false;
    }
  }

 private:
  void encode_part(const std::string& text, TokenEncoder& encoder,
                   std::vector<std::int32_t>& ids) const {
    for (const AddedTokens::Part& part : cleaned.split(text)) {
      if (part.id) {
        ids.push_back(*part.id);
      } else {
        encoder.encode(part.text, ids);
      }
    }
  }
};

Tokenizer::Tokenizer(const TokenizerSource& source, const std::string& where)
    : Tokenizer(source.settings, make_token_model(source, where), where) {}

Tokenizer::Tokenizer(TokenizerSettings settings, std::unique_ptr<const TokenModel> model,
                     const std::string& where) {
  std::int64_t size = model->size();
  for (const AddedToken& token : settings.added) {
    size = std::max<std::int64_t>(size, std::int64_t{token.id} + 1);
  }
  require_valid(settings, size, where);
  const AddedTokens raw = added_tokens(settings, false);
  const AddedTokens cleaned = added_tokens(settings, true);
  parts_ = std::make_shared<const Parts>(
      Parts{std::move(settings), raw, cleaned, std::move(model), size});
}

Tokenizer Tokenizer::from_merges(std::string_view merges, const std::string& where) {
  auto model = std::make_unique<ClipBpeModel>(merges, WordPattern::kOpenClip, where);
  const auto end = static_cast<std::int32_t>(model->size() - 1);
  TokenizerSettings settings;
  settings.cleaning = open_clip_lower();
  settings.frame.start = end - 1;
  settings.frame.end = end;
  return {std::move(settings), std::move(model), where};
}

Tokenizer Tokenizer::standard() {
  return from_merges(gunzip(asset(kStandardAsset), kStandardAsset), kStandardAsset);
}

std::int64_t Tokenizer::vocabulary_size() const { return parts_->size; }

bool Tokenizer::fits(std::int64_t rows) const {
  const bool may_be_padded = parts_->settings.kind != TokenModelKind::kClipBpe;
  const std::int64_t unused = rows - vocabulary_size();
  return unused == 0 || (may_be_padded && unused > 0 && unused < kMostUnusedRows);
}

const TokenFrame& Tokenizer::frame() const { return parts_->settings.frame; }

std::string Tokenizer::name() const {
  switch (parts_->settings.kind) {
    case TokenModelKind::kClipBpe:
      return parts_->settings.words == WordPattern::kOpenClip ? "CLIP's BPE as in open_clip"
                                                              : "CLIP's BPE as in Hugging Face";
    case TokenModelKind::kSentencePiece:
      return "SentencePiece";
    case TokenModelKind::kByteFallbackBpe:
      return "BPE with byte fallback";
  }
  return "";
}

TokenizerSource Tokenizer::source() const {
  return {parts_->settings, parts_->model->vocabulary()};
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<std::int32_t> ids;
  parts_->encode(text, *parts_->model->encoder(), ids);
  return ids;
}

std::vector<std::int32_t> Tokenizer::tokenize(const std::vector<std::string>& texts,
                                              std::int64_t context_length) const {
  if (context_length < 1) {
    throw UsageError(cat("tokenize: context length ", context_length, "; expected at least 1"));
  }
  const auto length = static_cast<std::size_t>(context_length);
  const TokenFrame& frame = this->frame();
  const std::unique_ptr<TokenEncoder> encoder = parts_->model->encoder();
  std::vector<std::int32_t> rows(texts.size() * length, frame.pad);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::vector<std::int32_t> ids;
    if (frame.start) ids.push_back(*frame.start);
    parts_->encode(texts[i], *encoder, ids);
    ids.resize(std::min(ids.size(), length - (frame.end ? 1 : 0)));
    if (frame.end) ids.push_back(*frame.end);
    const std::size_t indent = frame.pads_left ? length - ids.size() : 0;
    std::copy(ids.begin(), ids.end(),
              rows.begin() + static_cast<std::ptrdiff_t>(i * length + indent));
  }
  return rows;
}

}  // namespace clipq
