#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace clipq {

/// A document whose keys are sorted, so that one of many is found quickly.
using SortedJson = nlohmann::json;

/// Parses a document that nobody vouches for. Throws InputError that names `where` if it isn't
/// JSON, is nested too deeply, or has more values than a text of its length could need: a byte of
/// text can become a hundred in memory.
SortedJson parse_sorted_json(std::string_view text, const std::string& where);

}  // namespace clipq
