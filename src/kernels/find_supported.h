#pragma once

#include <string>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/find_named.h"
#include "clipq/core/strings.h"

namespace clipq {

/// The path of that name in a table of paths. Throws UsageError with the valid names, or if this
/// processor lacks it.
template <class Path>
const Path& find_supported(const std::vector<Path>& paths, const std::string& name,
                           const char* kind, const std::string& where) {
  const Path& path = find_named(paths, name, kind, where);
  if (!path.supported()) {
    throw UsageError(cat(where, ": this processor can't run \"", name, "\" (", path.comment,
                         "); leave the choice to clipq with \"auto\""));
  }
  return path;
}

}  // namespace clipq
