#include "bounded_json.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::size_t kMostValues = 1'000'000;

/// Values at most: one behind each of these characters, and one more.
std::size_t most_values(std::string_view text) {
  std::size_t values = 1;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') ++i;
    if (c == '"') in_string = !in_string;
    if (!in_string && (c == ',' || c == '[' || c == '{')) ++values;
  }
  return values;
}

}  // namespace

Json parse_bounded_json(std::string_view text, const std::string& where) {
  if (most_values(text) > kMostValues) {
    throw InputError(
        cat(where, ": has more than ", kMostValues, " values; is this the intended file?"));
  }
  return parse_json(text, where);
}

}  // namespace clipq
