#include "clipq/core/bounded_json.h"

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "json_limits.h"

namespace clipq {
namespace {

constexpr std::size_t kMostValues = 1'000'000;

}  // namespace

Json parse_bounded_json(std::string_view text, const std::string& where) {
  if (most_values(text) > kMostValues) {
    throw InputError(
        cat(where, ": has more than ", kMostValues, " values; is this the intended file?"));
  }
  return parse_json(text, where);
}

}  // namespace clipq
