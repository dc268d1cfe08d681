#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/checkpoint/tokenizer_documents.h"

namespace clipq {

/// What tokenizer_config.json and special_tokens_map.json tell; absent: what the class assumes.
struct TokenizerConfig {
  bool is_there = false;        ///< whether there is a tokenizer_config.json
  std::string tokenizer_class;  ///< without the ending "Fast"; may be empty
  std::optional<std::string> start_token;
  std::optional<std::string> end_token;
  std::optional<std::string> pad_token;
  std::optional<bool> adds_start;
  std::optional<bool> adds_end;
  std::optional<bool> pads_left;
  std::optional<bool> lower_case;
};

/// Throws InputError that names `where`, the document and the key if it has the wrong type.
TokenizerConfig read_tokenizer_config(const Documents& documents, const std::string& where);

}  // namespace clipq
