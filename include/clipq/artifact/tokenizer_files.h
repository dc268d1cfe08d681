#pragma once

#include <optional>
#include <string>

#include "clipq/checkpoint/tokenizer_documents.h"
#include "clipq/text/tokenizer.h"

namespace clipq {

/// The documents that hold a tokenizer: `bpe_vocab` alone if it is open_clip's with these merges,
/// else `clipq_tokenizer.json` with its settings and `tokenizer_vocabulary`.
Documents to_documents(const Tokenizer& tokenizer);

/// The SHA-256 of those documents, as they are before they are put in base64; empty if there are
/// none.
std::string tokenizer_digest(const Documents& documents, const std::string& where);

/// The tokenizer of those documents, of which the vocabulary may be in base64; empty if there are
/// none. Throws InputError that names `where` if they are damaged.
std::optional<Tokenizer> tokenizer_of(const Documents& documents, const std::string& where);

}  // namespace clipq
