#include "outcomes_json.h"

#include <charconv>
#include <limits>

namespace clipq {
namespace {

std::string numbers_text(const std::vector<std::int64_t>& numbers) {
  std::string text;
  for (const std::int64_t number : numbers) {
    if (!text.empty()) text += ' ';
    text += std::to_string(number);
  }
  return text;
}

/// The integers of at least `smallest` in the member `key`, separated by single spaces.
std::vector<std::int64_t> read_numbers(const JsonFields& fields, const char* key,
                                       std::int64_t smallest) {
  const std::string text = fields.optional_text(key);
  std::vector<std::int64_t> numbers;
  const char* at = text.data();
  const char* const text_end = at + text.size();
  while (at != text_end) {
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(at, text_end, number);
    const bool ends_well = end == text_end || (*end == ' ' && end + 1 != text_end);
    if (failure != std::errc() || !ends_well || number < smallest) {
      throw InputError(cat(fields.path(key), ": expected integers of at least ", smallest,
                           " separated by single spaces, got something else as number ",
                           numbers.size() + 1));
    }
    numbers.push_back(number);
    at = end == text_end ? end : end + 1;
  }
  return numbers;
}

/// The sum, or -1 if it is above `most`: the numbers come from a file and may be of any size.
std::int64_t sum_up_to(std::int64_t most, const std::vector<std::int64_t>& numbers) {
  std::int64_t sum = 0;
  for (const std::int64_t number : numbers) {
    if (number > most - sum) return -1;
    sum += number;
  }
  return sum;
}

}  // namespace

Json outcomes_json(const Outcomes& outcomes) {
  Json json = {{"hits", outcomes.hits}};
  if (!outcomes.strata.empty()) json["strata"] = numbers_text(outcomes.strata);
  if (!outcomes.clusters.empty()) json["clusters"] = numbers_text(outcomes.clusters);
  return json;
}

Outcomes read_outcomes(const JsonFields& fields) {
  Outcomes outcomes{fields.text("hits"), read_numbers(fields, "strata", 0),
                    read_numbers(fields, "clusters", 1)};
  const std::size_t wrong = outcomes.hits.find_first_not_of("01");
  if (outcomes.hits.empty() || wrong != std::string::npos) {
    throw InputError(
        cat(fields.path("hits"), ": expected a 0 or a 1 for each item, got ",
            outcomes.hits.empty() ? "none" : cat("something else as character ", wrong + 1)));
  }
  const auto items = static_cast<std::int64_t>(outcomes.hits.size());
  if (!outcomes.strata.empty() && outcomes.strata.size() != outcomes.hits.size()) {
    throw InputError(cat(fields.path("strata"), ": got ", outcomes.strata.size(),
                         " numbers, expected one for each of the ", items, " hits"));
  }
  if (!outcomes.clusters.empty() && sum_up_to(items, outcomes.clusters) != items) {
    throw InputError(cat(fields.path("clusters"), ": expected lengths that sum to the ", items,
                         " hits, got a different sum"));
  }
  return outcomes;
}

}  // namespace clipq
