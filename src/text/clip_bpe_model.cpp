#include "clipq/text/clip_bpe_model.h"

#include <unordered_map>

namespace clipq {
namespace {

class ClipBpeEncoder final : public TokenEncoder {
 public:
  ClipBpeEncoder(const Bpe& bpe, WordPattern pattern) : bpe_(bpe), pattern_(pattern) {
    if (pattern != WordPattern::kOpenClip) return;
    words_["<start_of_text>"] = {bpe.start_id()};
    words_["<end_of_text>"] = {bpe.end_id()};
  }

  void encode(std::string_view cleaned, std::vector<std::int32_t>& ids) override {
    for (const std::string& word : split_words(cleaned, pattern_)) {
      const auto [entry, is_new] = words_.try_emplace(word);
      if (is_new) bpe_.encode(word, entry->second);
      ids.insert(ids.end(), entry->second.begin(), entry->second.end());
    }
  }

 private:
  const Bpe& bpe_;
  WordPattern pattern_;
  std::unordered_map<std::string, std::vector<std::int32_t>> words_;
};

}  // namespace

ClipBpeModel::ClipBpeModel(std::string_view merges, WordPattern words, const std::string& where)
    : bpe_(merges, where), words_(words) {}

std::unique_ptr<TokenEncoder> ClipBpeModel::encoder() const {
  return std::make_unique<ClipBpeEncoder>(bpe_, words_);
}

}  // namespace clipq
