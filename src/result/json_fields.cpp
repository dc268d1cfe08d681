#include "clipq/result/json_fields.h"

#include <limits>
#include <utility>

namespace clipq {
namespace {

[[noreturn]] void throw_wrong_type(const std::string& path, const char* expected, const Json& got) {
  constexpr std::size_t kShown = 60;
  std::string shown = got.dump();
  if (shown.size() > kShown) shown = cat("a JSON ", got.type_name());
  throw InputError(cat(path, ": expected ", expected, ", got ", shown));
}

}  // namespace

JsonFields::JsonFields(const Json& json, std::string where)
    : json_(json), where_(std::move(where)) {
  if (!json.is_object()) throw_wrong_type(where_, "an object", json);
}

const Json& JsonFields::member(const char* key) const {
  const auto found = json_.find(key);
  if (found == json_.end()) throw InputError(cat(path(key), ": missing"));
  return *found;
}

std::string JsonFields::text(const char* key) const {
  const Json& value = member(key);
  if (!value.is_string()) throw_wrong_type(path(key), "a string", value);
  return value.get<std::string>();
}

std::int64_t JsonFields::integer(const char* key) const {
  const Json& value = member(key);
  const std::optional<std::int64_t> integer =
      value.is_number_integer() ? whole_number(value) : std::nullopt;
  if (!integer) throw_wrong_type(path(key), "an integer below 2^63", value);
  return *integer;
}

double JsonFields::number(const char* key) const {
  const Json& value = member(key);
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!value.is_number()) throw_wrong_type(path(key), "a number", value);
  return value.get<double>();
}

JsonFields JsonFields::object(const char* key) const { return {member(key), path(key)}; }

std::string JsonFields::optional_text(const char* key) const {
  return json_.contains(key) ? text(key) : std::string();
}

std::int64_t JsonFields::optional_integer(const char* key) const {
  return json_.contains(key) ? integer(key) : 0;
}

std::optional<JsonFields> JsonFields::optional_object(const char* key) const {
  if (!json_.contains(key)) return std::nullopt;
  return object(key);
}

std::vector<std::string> JsonFields::optional_texts(const char* key) const {
  if (!json_.contains(key)) return {};
  const Json& values = member(key);
  if (!values.is_array()) throw_wrong_type(path(key), "a list of strings", values);
  std::vector<std::string> texts;
  for (const Json& value : values) {
    if (!value.is_string()) {
      throw_wrong_type(cat(path(key), "[", texts.size(), "]"), "a string", value);
    }
    texts.push_back(value.get<std::string>());
  }
  return texts;
}

}  // namespace clipq
