#include "clipq/text/token_model.h"

#include "clipq/core/error.h"
#include "clipq/text/byte_fallback_model.h"
#include "clipq/text/clip_bpe_model.h"
#include "clipq/text/sentencepiece_model.h"
#include "clipq/text/tokenizer_source.h"

namespace clipq {

std::unique_ptr<const TokenModel> make_token_model(const TokenizerSource& source,
                                                   const std::string& where) {
  switch (source.settings.kind) {
    case TokenModelKind::kClipBpe:
      return std::make_unique<ClipBpeModel>(source.vocabulary, source.settings.words, where);
    case TokenModelKind::kSentencePiece:
      return std::make_unique<SentencePieceModel>(source.vocabulary, where);
    case TokenModelKind::kByteFallbackBpe:
      return std::make_unique<ByteFallbackModel>(source.vocabulary, where);
  }
  throw InternalError("unknown kind of tokenizer");
}

}  // namespace clipq
