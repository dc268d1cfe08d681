#pragma once

#include <map>
#include <optional>
#include <string>

namespace clipq {

/// The tokenizer's merges in the layout that Tokenizer::from_merges() takes: of an archive's
/// bpe_vocab, of merges.txt, or of tokenizer.json. Empty if there are none of these. Throws
/// InputError that names `where` if tokenizer.json isn't a CLIP's.
std::optional<std::string> merges_of(const std::map<std::string, std::string>& documents,
                                     const std::string& where);

}  // namespace clipq
