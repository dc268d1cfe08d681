#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace clipq {

/// All arguments written one after the other, as `std::ostream` writes them.
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// `value` with exactly `digits` digits after the point.
std::string fixed(double value, int digits);

/// The parts between separators; one more than there are separators.
std::vector<std::string> split(std::string_view text, char separator);

/// The items with `separator` between them.
std::string join(const std::vector<std::string>& items, std::string_view separator);

/// The word with the smallest edit distance to `word`; empty if there are no words.
std::string nearest(std::string_view word, const std::vector<std::string>& words);

/// "; did you mean X?" for the nearest word, or nothing if there are no words: ends error messages.
std::string suggestion(std::string_view word, const std::vector<std::string>& words);

/// A span of time in words, rounded up: "8 s", "12 min", "3 h 20 min".
std::string duration_text(double seconds);

/// Bytes as mebibytes (2^20) with two digits, for instance "343.22 MiB".
std::string mebibytes(std::int64_t bytes);

}  // namespace clipq
