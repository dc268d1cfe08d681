#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clipq/text/tokenizer.h"

namespace clipq {

/// Contents of files beside a checkpoint's tensors by name.
using Documents = std::map<std::string, std::string>;

/// The ending of a document's name where bytes can't be held: it is in base64.
inline constexpr const char* kEncodedEnding = ".base64";

/// The documents that a tokenizer is read from.
const std::vector<std::string>& tokenizer_document_names();

/// The tokenizer of a checkpoint's documents: that of `bpe_vocab`, else what open_clip's
/// configuration or Hugging Face's files say. Empty if they have none. Throws InputError that names
/// `where` and the document if one is damaged, or asks for what clipq doesn't have.
/// @param is_hugging_face whether the tensors have Hugging Face's names, so that its configuration
///        counts where there is open_clip's, too
std::optional<Tokenizer> read_tokenizer(const Documents& documents, bool is_hugging_face,
                                        const std::string& where);

/// Replaces the tokenizer in the documents by that of a file: merges, plain or gzipped, a
/// tokenizer.json, or a SentencePiece model. What the other documents say of it stays. Throws
/// InputError if it can't be read.
void replace_tokenizer(Documents& documents, const std::filesystem::path& file);

}  // namespace clipq
