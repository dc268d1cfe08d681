#include "clipq/core/sorted_json.h"

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "json_limits.h"

namespace clipq {
namespace {

/// Real vocabularies with their merges have some 13 bytes a value.
constexpr std::size_t kValuesOfAnyDocument = 1'000'000;
constexpr std::size_t kBytesAValue = 10;

}  // namespace

SortedJson parse_sorted_json(std::string_view text, const std::string& where) {
  if (is_too_deep(text)) parse_json(text, where);  // says so
  const std::size_t most = kValuesOfAnyDocument + text.size() / kBytesAValue;
  if (most_values(text) > most) {
    throw InputError(cat(where, ": has more than ", most, " values; is this the intended file?"));
  }
  SortedJson json = SortedJson::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_discarded()) return json;
  parse_json(text, where);  // says what is wrong
  throw InputError(cat(where, ": not valid JSON"));
}

}  // namespace clipq
