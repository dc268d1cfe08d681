#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "clipq/text/tokenizer_source.h"

namespace clipq {

/// Finds added tokens in texts: the leftmost first, of those the longest.
class AddedTokens {
 public:
  /// A part of a text: an added token (with the white space that it takes), or what is between two.
  struct Part {
    std::string_view text;
    std::optional<std::int32_t> id;  ///< absent: between tokens
  };

  /// Tokens without text are ignored.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  /// The text's parts in order, none empty; they refer to it.
  std::vector<Part> split(std::string_view text) const;

 private:
  /// The longest token that begins there, or null.
  const AddedToken* find(std::string_view text, std::size_t begin) const;

  std::vector<AddedToken> tokens_;                               ///< by first byte, longest first
  std::array<std::pair<std::size_t, std::size_t>, 256> starts_;  ///< where each first byte's are
};

}  // namespace clipq
