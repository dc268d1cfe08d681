#pragma once

#include <optional>
#include <string>

#include "clipq/checkpoint/tokenizer_documents.h"
#include "clipq/text/clean_text.h"

namespace clipq {

/// What open_clip_config.json says of the tokenizer.
struct OpenClipTokenizer {
  bool is_there = false;              ///< whether there is such a configuration that counts
  bool is_hugging_face = false;       ///< `hf_tokenizer_name` is set: the files beside it
  std::optional<TextCleaning> clean;  ///< `tokenizer_kwargs.clean`
};

/// Reads `text_cfg` of open_clip_config.json. Throws InputError that names `where` and the key if
/// it asks for what clipq doesn't have.
/// @param is_hugging_face whether config.json counts instead where there are both
OpenClipTokenizer read_open_clip_tokenizer(const Documents& documents, bool is_hugging_face,
                                           const std::string& where);

}  // namespace clipq
