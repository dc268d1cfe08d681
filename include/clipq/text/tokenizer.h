#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace clipq {

class Bpe;

/// CLIP's tokenizer: the ids of open_clip's SimpleTokenizer for any text but mojibake, which it
/// doesn't repair. Copies share their vocabulary; every method may be called from many threads.
class Tokenizer {
 public:
  /// @param merges text in OpenAI's layout: a header line (skipped), then one merge "a b" per
  /// line, of which at most 48894 are used
  /// Throws InputError that names `where` and the line if it is none.
  static Tokenizer from_merges(std::string_view merges, const std::string& where);

  /// Reads a merges file, plain or gzip. Throws InputError.
  static Tokenizer from_file(const std::filesystem::path& file);

  /// OpenAI's vocabulary of 49408 ids, which is compiled into the program.
  static Tokenizer standard();

  /// The number of ids: 512, one per merge, and two special ones. The end's id is the highest.
  std::int64_t vocabulary_size() const;
  int start_id() const;
  int end_id() const;

  /// The ids of one text (UTF-8, cleaned here) without start and end.
  std::vector<std::int32_t> encode(std::string_view text) const;

  /// [texts, context_length] row-major: start, ids, end, then zeros; a text that is too long is
  /// truncated, with the end as its last id. Throws UsageError if context_length is below 1.
  std::vector<std::int32_t> tokenize(const std::vector<std::string>& texts,
                                     std::int64_t context_length) const;

  /// The merges in use, in the layout that from_merges() takes: for artifacts.
  const std::string& merges() const;

 private:
  explicit Tokenizer(std::shared_ptr<const Bpe> bpe);

  std::shared_ptr<const Bpe> bpe_;
};

}  // namespace clipq
