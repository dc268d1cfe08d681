#pragma once

#include "clipq/text/bpe.h"
#include "clipq/text/split_words.h"
#include "clipq/text/token_model.h"

namespace clipq {

/// CLIP's BPE over the words of split_words(). Its encoder remembers the ids of every word.
class ClipBpeModel final : public TokenModel {
 public:
  /// @param merges as Bpe takes them
  ClipBpeModel(std::string_view merges, WordPattern words, const std::string& where);

  std::int64_t size() const override { return bpe_.end_id() + 1; }
  std::string vocabulary() const override { return bpe_.merges(); }
  std::unique_ptr<TokenEncoder> encoder() const override;

 private:
  Bpe bpe_;
  WordPattern words_;
};

}  // namespace clipq
