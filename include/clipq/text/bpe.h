#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace clipq {

/// CLIP's byte-pair encoding. Ids, in order: the 256 bytes (those that print first, then the
/// others), the same at the end of a word, one per merge, start and end of text.
class Bpe {
 public:
  /// The merges that CLIP uses of a longer file, as OpenAI counts them: 48894.
  static constexpr std::size_t kMaxMerges = 49152 - 256 - 2;

  /// @param merges a header line, then one merge "a b" per line; those after kMaxMerges are ignored
  /// Throws InputError that names `where` and the line that isn't a merge of known symbols.
  Bpe(std::string_view merges, const std::string& where);

  /// Appends the ids of one word (UTF-8, not empty; see split_words()).
  void encode(std::string_view word, std::vector<std::int32_t>& ids) const;

  std::int32_t start_id() const { return end_id_ - 1; }
  std::int32_t end_id() const { return end_id_; }

  /// The header and the merges in use, one per line: recreates the same Bpe.
  const std::string& merges() const { return text_; }

  /// What ids 0 to start_id() - 1 stand for, in the spelling of merges files.
  std::vector<std::string> symbols() const;

 private:
  struct Merge {
    std::int32_t rank;
    std::int32_t id;  ///< of the merged symbol
  };
  using Symbols = std::unordered_map<std::string, std::int32_t>;

  void add_bytes(Symbols& symbols);
  /// The merge of two neighbours, or null if there is none.
  const Merge* find(std::int32_t left, std::int32_t right) const;

  std::array<std::int32_t, 256> byte_ids_{};
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::int32_t end_id_ = 0;
  std::string text_;
};

}  // namespace clipq
