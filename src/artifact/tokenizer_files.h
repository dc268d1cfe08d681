#pragma once

#include <map>
#include <optional>
#include <string>

#include "clipq/checkpoint/torchscript_archive.h"
#include "clipq/text/tokenizer.h"

namespace clipq {

/// The extra files that hold a tokenizer: `bpe_vocab` alone if it is open_clip's with these merges,
/// else `clipq_tokenizer.json` with its settings and `tokenizer_vocabulary`.
std::map<std::string, std::string> to_extra_files(const Tokenizer& tokenizer);

/// The tokenizer of those files; empty if there are none. Throws InputError that names `where` if
/// they are damaged.
std::optional<Tokenizer> read_extra_files(const TorchScriptArchive& archive,
                                          const std::string& where);

}  // namespace clipq
