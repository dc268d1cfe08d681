#include <algorithm>
#include <array>
#include <cmath>

#include "clipq/core/strings.h"
#include "decoders.h"

namespace clipq {
namespace {

constexpr int kMostLevels = 255;

/// The next number of the header, from `at` on, which is moved past it; -1 if there is none.
int next_number(std::string_view bytes, std::size_t& at) {
  const auto is_digit = [&] { return at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9'; };
  while (at < bytes.size() && !is_digit()) {
    at = bytes[at] == '#' ? std::min(bytes.find('\n', at), bytes.size()) : at + 1;
  }
  if (!is_digit()) return -1;
  std::int64_t value = 0;
  while (is_digit() && value <= kMaxPixels) value = 10 * value + (bytes[at++] - '0');
  return static_cast<int>(value);
}

}  // namespace

bool is_binary_pnm(std::string_view bytes) {
  return bytes.starts_with("P5") || bytes.starts_with("P6");
}

std::string full_range_pnm(std::string_view bytes) {
  std::size_t at = 2;
  const int width = next_number(bytes, at);
  const int height = next_number(bytes, at);
  const int most = next_number(bytes, at);
  if (width < 1 || height < 1 || most < 1 || most >= kMostLevels) return std::string(bytes);
  std::array<char, 256> table{};
  for (std::size_t level = 0; level < table.size(); ++level) {
    const double scaled = std::nearbyint(static_cast<double>(level) / most * kMostLevels);
    table[level] = static_cast<char>(std::min<double>(scaled, kMostLevels));
  }
  std::string out = cat(bytes.substr(0, 2), "\n", width, " ", height, "\n", kMostLevels, "\n");
  for (const char level : bytes.substr(std::min(at + 1, bytes.size()))) {
    out.push_back(table[static_cast<unsigned char>(level)]);
  }
  return out;
}

}  // namespace clipq
