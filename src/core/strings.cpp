#include "clipq/core/strings.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <numeric>

namespace clipq {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

}  // namespace

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string join(const std::vector<std::string>& items, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += separator;
    out += items[i];
  }
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& words) {
  const auto best = std::min_element(
      words.begin(), words.end(), [word](const std::string& left, const std::string& right) {
        return edit_distance(word, left) < edit_distance(word, right);
      });
  return best == words.end() ? std::string() : *best;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& words) {
  return words.empty() ? std::string() : cat("; did you mean \"", nearest(word, words), "\"?");
}

std::string duration_text(double seconds) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  const auto whole = static_cast<std::int64_t>(std::ceil(std::max(0.0, seconds)));
  if (whole < 2 * kMinute) return cat(whole, " s");
  const std::int64_t minutes = (whole + kMinute - 1) / kMinute;
  if (whole < 2 * kHour) return cat(minutes, " min");
  return cat(minutes / kMinute, " h ", minutes % kMinute, " min");
}

std::string mebibytes(std::int64_t bytes) {
  return fixed(static_cast<double>(bytes) / (1 << 20), 2) + " MiB";
}

}  // namespace clipq
