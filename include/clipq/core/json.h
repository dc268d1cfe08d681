#pragma once

#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

/// Object keys keep the order in which they were written.
using Json = nlohmann::ordered_json;

/// Parses `text`. Throws InputError that names `where` (a file, usually), line and column.
Json parse_json(std::string_view text, const std::string& where);

/// Reads and parses a file. Throws InputError if it is missing, unreadable or not JSON.
Json read_json(const std::filesystem::path& file);

/// Throws UsageError that names `where` and the nearest valid key if `object` isn't a JSON object
/// or has a key that isn't in `allowed`.
void require_known_keys(const Json& object, std::initializer_list<const char*> allowed,
                        const std::string& where);

/// object[key] as T, or `fallback` if the key is absent.
/// Throws UsageError that names `where`, the key and what was got if the type is another one.
template <typename T>
T json_value(const Json& object, const char* key, const T& fallback, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  try {
    return found->template get<T>();
  } catch (const nlohmann::json::exception&) {
    throw UsageError(cat(where, ": \"", key, "\" has the wrong type: got ", found->dump()));
  }
}

}  // namespace clipq
