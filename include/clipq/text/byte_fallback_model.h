#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "clipq/text/token_model.h"

namespace clipq {

/// BPE over whole texts, as Gemma's tokenizer.json has it: neighbours merge by rank, characters
/// that aren't in the vocabulary become bytes ("<0x0A>").
class ByteFallbackModel final : public TokenModel {
 public:
  /// @param model "model" of a tokenizer.json, as JSON or gzipped JSON
  /// Throws InputError that names `where` if it is another kind of model or contradicts itself.
  ByteFallbackModel(std::string_view model, const std::string& where);

  std::int64_t size() const override { return size_; }
  std::string vocabulary() const override { return packed_; }
  std::unique_ptr<TokenEncoder> encoder() const override;

  /// Appends the ids of a text.
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const;

 private:
  struct Merge {
    std::int32_t rank;
    std::int32_t id;  ///< of the merged symbol
  };
  class Merger;

  std::vector<std::int32_t> symbols_of(std::string_view text) const;
  void append_bytes(char32_t character, std::vector<std::int32_t>& symbols) const;

  std::string packed_;  ///< gzipped JSON
  std::int64_t size_ = 0;
  std::unordered_map<char32_t, std::int32_t> characters_;
  std::array<std::optional<std::int32_t>, 256> bytes_{};
  std::optional<std::int32_t> unknown_;  ///< for characters whose bytes aren't there either
  bool fuses_unknown_ = false;           ///< neighbours that are unknown become one
  std::unordered_map<std::uint64_t, Merge> merges_;
};

}  // namespace clipq
