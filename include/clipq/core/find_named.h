#pragma once

#include <string>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

/// The row of a table whose member `name` is `name`. Throws UsageError that names `where`, says
/// what was looked for (`what`, for instance "observer"), the nearest name and all names.
template <typename Row>
const Row& find_named(const std::vector<Row>& table, const std::string& name, const char* what,
                      const std::string& where) {
  std::vector<std::string> names;
  for (const Row& row : table) {
    if (name == row.name) return row;
    names.emplace_back(row.name);
  }
  throw UsageError(cat(where, ": unknown ", what, " \"", name, "\"", suggestion(name, names),
                       " Known: ", join(names, ", ")));
}

}  // namespace clipq
