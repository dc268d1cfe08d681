#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "clipq/core/sorted_json.h"
#include "clipq/text/tokenizer_source.h"

namespace clipq {

/// What of a tokenizer.json depends on the kind of model.
struct TokenizerJsonParts {
  SortedJson model;
  SortedJson pre_tokenizer;  ///< null: none
  SortedJson decoder;
  std::vector<SortedJson> normalizers;
  std::vector<AddedToken> added;              ///< as the library can look for them
  std::map<std::int32_t, std::string> names;  ///< of all ids that the model or an added token has
  std::string unknown;                        ///< stands for what has no id; empty: none
  std::vector<std::string> inexpressible;
};

/// Throws UsageError if the library `tokenizers` has no such model.
TokenizerJsonParts tokenizer_json_parts(const TokenizerSource& source);

}  // namespace clipq
