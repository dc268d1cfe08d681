#include "clipq/eval/class_order.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>

#include "clipq/core/ascii.h"
#include "clipq/core/composed.h"
#include "clipq/core/error.h"
#include "clipq/core/parse_number.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr std::size_t kShown = 12;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The integer that the text represents, if it does.
std::optional<std::int64_t> whole_number(const std::string& text) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  return parse_number<std::int64_t>(text);
}

/// The integers that the texts represent; empty if any isn't one.
std::vector<std::int64_t> whole_numbers(const std::vector<std::string>& texts) {
  std::vector<std::int64_t> numbers;
  for (const std::string& text : texts) {
    const auto number = whole_number(text);
    if (!number) return {};
    numbers.push_back(*number);
  }
  return numbers;
}

/// The length of the digits, or of the other characters, that begin `text`.
std::size_t chunk(std::string_view text) {
  const bool digits = is_digit(text.front());
  const auto end =
      std::find_if(text.begin(), text.end(), [digits](char c) { return is_digit(c) != digits; });
  return static_cast<std::size_t>(end - text.begin());
}

/// Whether `a` comes before `b` if the digits in them count as numbers.
bool comes_before_by_numbers(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const std::size_t length_a = chunk(a);
    const std::size_t length_b = chunk(b);
    const std::string part_a(a.substr(0, length_a));
    const std::string part_b(b.substr(0, length_b));
    const auto number_a = whole_number(part_a);
    const auto number_b = whole_number(part_b);
    if (number_a && number_b && *number_a != *number_b) return *number_a < *number_b;
    if (!(number_a && number_b) && part_a != part_b) return part_a < part_b;
    a.remove_prefix(length_a);
    b.remove_prefix(length_b);
  }
  return a.empty() && !b.empty();
}

/// The keys in the order in which their digits count as numbers.
std::vector<std::string> by_numbers(std::vector<std::string> keys) {
  std::stable_sort(keys.begin(), keys.end(), comes_before_by_numbers);
  return keys;
}

std::string begin_of(const std::vector<std::string>& keys) {
  const std::vector<std::string> shown(keys.begin(), keys.begin() + std::min(kShown, keys.size()));
  return join(shown, ", ") + (keys.size() > kShown ? ", …" : "");
}

[[noreturn]] void throw_two_readings(const std::vector<std::string>& keys, const std::string& where,
                                     const std::string& first, const std::string& second) {
  throw UsageError(
      cat(where, " is a plain list, and the order of the class folders is ambiguous: ", first,
          ", or ", second, "; give names keyed by folder: {\"", keys.front(), "\": …}"));
}

std::string comparable(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return lower_case(trimmed(composed(name)));
}

/// The place of each key's own name in the list, if the list has them all, each once.
std::vector<int> places_by_own_names(const std::vector<std::string>& keys,
                                     const std::vector<std::string>& names) {
  std::map<std::string, int> place;
  for (std::size_t i = 0; i < names.size(); ++i) {
    place.emplace(comparable(names[i]), static_cast<int>(i));
  }
  std::vector<int> places;
  std::vector<bool> taken(names.size(), false);
  for (const std::string& key : keys) {
    const auto found = place.find(comparable(key));
    if (place.size() != names.size() || found == place.end() || taken[found->second]) return {};
    taken[found->second] = true;
    places.push_back(found->second);
  }
  return places;
}

/// The place of each key when they are in the order of `numbers`.
std::vector<int> ranks(const std::vector<std::int64_t>& numbers) {
  std::vector<std::int64_t> sorted = numbers;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int> places;
  for (const std::int64_t number : numbers) {
    const auto found = std::lower_bound(sorted.begin(), sorted.end(), number);
    places.push_back(static_cast<int>(found - sorted.begin()));
  }
  return places;
}

/// The numbers themselves as places in a list with more entries than there are numbers; empty if it
/// has no such places.
std::vector<int> numbers_as_places(const std::vector<std::string>& keys,
                                   const std::vector<std::int64_t>& numbers,
                                   const std::vector<std::string>& names,
                                   const std::string& where) {
  const auto [least, most] = std::minmax_element(numbers.begin(), numbers.end());
  if (*most > static_cast<std::int64_t>(names.size())) return {};
  const bool from_one = *least > 0;
  if (!from_one && *most == static_cast<std::int64_t>(names.size())) return {};
  if (from_one && *most < static_cast<std::int64_t>(names.size())) {
    throw_two_readings(keys, where,
                       cat("folder ", *least, " is \"", names[*least], "\" (counted from 0)"),
                       cat("\"", names[*least - 1], "\" (counted from 1)"));
  }
  std::vector<int> places;
  for (const std::int64_t number : numbers) {
    places.push_back(static_cast<int>(number - (from_one ? 1 : 0)));
  }
  return places;
}

void require_distinct(const std::vector<std::string>& keys,
                      const std::vector<std::int64_t>& numbers, const std::string& where) {
  std::map<std::int64_t, std::string> seen;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto [found, is_new] = seen.emplace(numbers[i], keys[i]);
    if (is_new) continue;
    throw_two_readings(keys, where,
                       cat("\"", found->second, "\" and \"", keys[i], "\" are the same number"),
                       "they are classes in lexicographic order");
  }
}

}  // namespace

ClassPlaces places_of_folders(const std::vector<std::string>& keys,
                              const std::vector<std::string>& names, const std::string& where) {
  if (std::vector<int> places = places_by_own_names(keys, names); !places.empty()) {
    return {std::move(places), "same names"};
  }
  const std::vector<std::int64_t> numbers = whole_numbers(keys);
  if (!numbers.empty()) {
    require_distinct(keys, numbers, where);
    if (keys.size() == names.size()) return {ranks(numbers), "number"};
    if (keys.size() < names.size()) {
      std::vector<int> places = numbers_as_places(keys, numbers, names, where);
      if (!places.empty()) return {std::move(places), "number"};
    }
  }
  if (keys.size() != names.size()) return {};
  const std::vector<std::string> numeric = by_numbers(keys);
  if (numeric != keys) {
    throw_two_readings(keys, where, cat("by number (", begin_of(numeric), ")"),
                       cat("in lexicographic order (", begin_of(keys), ")"));
  }
  ClassPlaces identity = {std::vector<int>(keys.size()), "name"};
  std::iota(identity.places.begin(), identity.places.end(), 0);
  return identity;
}

}  // namespace clipq
