#include "clipq/text/tokenizer.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "clipq/core/assets.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"
#include "clipq/text/bpe.h"
#include "clipq/text/clean_text.h"
#include "clipq/text/gzip.h"
#include "clipq/text/split_words.h"

namespace clipq {
namespace {

constexpr const char* kStandardAsset = "bpe_simple_vocab_16e6.txt.gz";

/// Encodes texts and caches the ids of every word it has seen.
class Encoder {
 public:
  explicit Encoder(const Bpe& bpe) : bpe_(bpe) {
    words_["<start_of_text>"] = {bpe.start_id()};
    words_["<end_of_text>"] = {bpe.end_id()};
  }

  std::vector<std::int32_t> encode(std::string_view text) {
    std::vector<std::int32_t> ids;
    for (const std::string& word : split_words(clean_text(text))) {
      const auto [entry, is_new] = words_.try_emplace(word);
      if (is_new) bpe_.encode(word, entry->second);
      ids.insert(ids.end(), entry->second.begin(), entry->second.end());
    }
    return ids;
  }

 private:
  const Bpe& bpe_;
  std::unordered_map<std::string, std::vector<std::int32_t>> words_;
};

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const Bpe> bpe) : bpe_(std::move(bpe)) {}

Tokenizer Tokenizer::from_merges(std::string_view merges, const std::string& where) {
  return Tokenizer(std::make_shared<const Bpe>(merges, where));
}

Tokenizer Tokenizer::from_file(const std::filesystem::path& file) {
  const std::string bytes = read_file(file);
  return from_merges(
      utf8_text(is_gzip(bytes) ? gunzip(bytes, file.string()) : bytes, file.string()),
      file.string());
}

Tokenizer Tokenizer::standard() {
  return from_merges(gunzip(asset(kStandardAsset), kStandardAsset), kStandardAsset);
}

std::int64_t Tokenizer::vocabulary_size() const { return bpe_->end_id() + 1; }
int Tokenizer::start_id() const { return bpe_->start_id(); }
int Tokenizer::end_id() const { return bpe_->end_id(); }
const std::string& Tokenizer::merges() const { return bpe_->merges(); }

std::vector<std::int32_t> Tokenizer::encode(std::string_view text) const {
  return Encoder(*bpe_).encode(text);
}

std::vector<std::int32_t> Tokenizer::tokenize(const std::vector<std::string>& texts,
                                              std::int64_t context_length) const {
  if (context_length < 1) {
    throw UsageError(cat("tokenize: context length ", context_length, "; expected at least 1"));
  }
  const auto length = static_cast<std::size_t>(context_length);
  Encoder encoder(*bpe_);
  std::vector<std::int32_t> rows(texts.size() * length, 0);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::vector<std::int32_t> ids = encoder.encode(texts[i]);
    ids.insert(ids.begin(), start_id());
    ids.resize(std::min(ids.size(), length - 1));
    ids.push_back(end_id());
    std::copy(ids.begin(), ids.end(), rows.begin() + static_cast<std::ptrdiff_t>(i * length));
  }
  return rows;
}

}  // namespace clipq
