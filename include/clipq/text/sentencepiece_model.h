#pragma once

#include <memory>
#include <optional>

#include "clipq/text/token_model.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace clipq {

/// A model of the SentencePiece library: unigram or BPE, with its own normalization.
class SentencePieceModel final : public TokenModel {
 public:
  /// @param model a serialized sentencepiece.ModelProto
  /// Throws InputError that names `where` if it is damaged.
  SentencePieceModel(std::string_view model, const std::string& where);
  ~SentencePieceModel() override;

  std::int64_t size() const override;
  std::string vocabulary() const override { return model_; }
  std::unique_ptr<TokenEncoder> encoder() const override;

  /// Ids of the model's own special pieces; absent if it has none.
  std::optional<std::int32_t> end_id() const;
  std::optional<std::int32_t> pad_id() const;

  /// The id of a piece; absent if it is none.
  std::optional<std::int32_t> id_of(const std::string& piece) const;

 private:
  std::string model_;
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
};

}  // namespace clipq
