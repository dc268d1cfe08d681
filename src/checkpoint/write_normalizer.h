#pragma once

#include <string>
#include <vector>

#include "clipq/core/sorted_json.h"
#include "clipq/text/clean_text.h"

namespace clipq {

/// The steps as normalizers of the library `tokenizers`, in order: those that its members can
/// express, in regular expressions that JavaScript reads alike.
std::vector<SortedJson> normalizers_of(const TextCleaning& cleaning);

/// What of the steps the normalizers don't do, in words.
std::vector<std::string> unnormalized(const TextCleaning& cleaning);

}  // namespace clipq
