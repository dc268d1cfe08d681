#pragma once

#include <string>
#include <vector>

#include "clipq/core/json.h"

namespace clipq {

/// JSON files of one kind that are compiled into the program, below a folder of the assets.
struct ShippedJson {
  const char* what;    ///< of messages: "recipe"
  const char* folder;  ///< "recipes/"
};

/// The names of the shipped ones, sorted: their file names without extension.
std::vector<std::string> shipped_names(const ShippedJson& kind);

/// The shipped file of that name or, if `name` is a path (has a slash or ends in .json), that file.
/// Throws UsageError (unknown name, with a suggestion) or InputError (missing file, not JSON).
Json shipped_or_file(const ShippedJson& kind, const std::string& name);

}  // namespace clipq
