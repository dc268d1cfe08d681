#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipq/text/tokenizer.h"

namespace clipq {

/// Hugging Face's documents of a tokenizer.
struct TokenizerFiles {
  std::string tokenizer;  ///< tokenizer.json
  std::string config;     ///< tokenizer_config.json
  /// What of clipq's tokenizer they can't express, in words; texts that need it get other ids.
  /// Empty: there is nothing. Two oddities of open_clip aren't worth a word: a Greek final sigma
  /// beside an apostrophe or a combining mark, and "<end_of_text>" right behind punctuation.
  std::vector<std::string> inexpressible;
};

/// What makes the library `tokenizers` give the rows of Tokenizer::tokenize(): cleaning, start,
/// end, truncation and padding included. Who sets padding anew must say on which side
/// (TokenFrame::pads_left). Throws UsageError if its models can't split texts as this one does, or
/// if context_length is too short for start and end.
TokenizerFiles write_tokenizer(const Tokenizer& tokenizer, std::int64_t context_length);

}  // namespace clipq
