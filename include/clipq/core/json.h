#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

/// Object keys keep the order in which they were written.
using Json = nlohmann::ordered_json;

/// Parses `text`. Throws InputError that names `where` (a file, usually), line, column and what was
/// expected there, or says that the document is nested too deep.
Json parse_json(std::string_view text, const std::string& where);

/// Reads and parses a file. Throws InputError if it is missing, unreadable or not JSON.
Json read_json(const std::filesystem::path& file);

/// The same for a recipe, a run or another file of options: one that isn't JSON is a UsageError.
Json read_configuration(const std::filesystem::path& file);

/// A value as a command line gives it: JSON if it parses as such (numbers, true, lists), else the
/// text itself.
Json json_or_text(const std::string& text);

/// The document indented by two blanks, with a line break at its end. Bytes that aren't UTF-8 (of a
/// file's name) are replaced by U+FFFD.
std::string json_text(const Json& json);

/// Throws UsageError that names `where` and the nearest valid key if `object` isn't a JSON object
/// or has a key that isn't in `allowed`.
void require_known_keys(const Json& object, std::initializer_list<const char*> allowed,
                        const std::string& where);

/// The number if it is whole, whether written 3 or 3.0, and fits.
std::optional<std::int64_t> whole_number(const Json& json);

/// object[key] as T, or `fallback` if the key is absent.
/// Throws UsageError that names `where`, the key and what was got if the type is another one. An
/// integer must be written as one, or as a number without a fraction.
template <typename T>
T json_value(const Json& object, const char* key, const T& fallback, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  try {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      const std::optional<std::int64_t> whole = whole_number(*found);
      if (whole && std::in_range<T>(*whole)) return static_cast<T>(*whole);
      throw UsageError(
          cat(where, ": \"", key, "\" is ", found->dump(), ", expected a whole number"));
    } else if constexpr (std::is_floating_point_v<T>) {
      if (found->is_number()) return found->template get<T>();
      throw UsageError(cat(where, ": \"", key, "\" is ", found->dump(), ", expected a number"));
    } else {
      return found->template get<T>();
    }
  } catch (const nlohmann::json::exception&) {
    throw UsageError(cat(where, ": \"", key, "\" has the wrong type: got ", found->dump()));
  }
}

}  // namespace clipq
