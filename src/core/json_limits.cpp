#include "json_limits.h"

namespace clipq {
namespace {

/// Passes each character outside of strings to `visit` until it returns false.
template <typename Visit>
void for_each_outside_strings(std::string_view text, const Visit& visit) {
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (!visit(c)) {
      return;
    }
  }
}

}  // namespace

bool is_too_deep(std::string_view text) {
  int level = 0;
  for_each_outside_strings(text, [&level](char c) {
    if (c == '[' || c == '{') ++level;
    if (c == ']' || c == '}') --level;
    return level <= kMostLevels;
  });
  return level > kMostLevels;
}

/// A value behind each of these characters, and one more.
std::size_t most_values(std::string_view text) {
  std::size_t values = 1;
  for_each_outside_strings(text, [&values](char c) {
    if (c == ',' || c == '[' || c == '{') ++values;
    return true;
  });
  return values;
}

}  // namespace clipq
