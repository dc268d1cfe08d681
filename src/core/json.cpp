#include "clipq/core/json.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>
#include <vector>

#include "clipq/core/text_file.h"
#include "json_error.h"
#include "json_limits.h"

namespace clipq {
namespace {

/// Objects with fewer members are searched one by one.
constexpr std::size_t kFewMembers = 16;

/// Builds a document from the parser's events. nlohmann's own builder compares each key of an
/// object that keeps its order with all before it, so that a million keys take hours.
class DocumentBuilder {
 public:
  Json take() { return std::move(root_); }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(std::int64_t value) { return add(value); }
  bool number_unsigned(std::uint64_t value) { return add(value); }
  bool number_float(double value, const std::string& /*text*/) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(Json::binary_t& value) { return add(std::move(value)); }
  bool start_object(std::size_t /*size*/) { return open(Json::object()); }
  bool start_array(std::size_t /*size*/) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    Open& object = open_.back();
    auto& members = object.value->get_ref<Json::object_t&>();
    if (members.size() < kFewMembers) {
      next_ = &members[name];
      return true;
    }
    if (object.places.empty()) {
      for (const auto& [each, value] : members) object.places.emplace(each, object.places.size());
    }
    const auto [place, is_new] = object.places.emplace(name, members.size());
    if (is_new) members.emplace_back(name, Json());
    next_ = &(members.begin() + static_cast<std::ptrdiff_t>(place->second))->second;
    return true;
  }

  template <typename Failure>
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const Failure& failure) {
    throw failure;
  }

 private:
  struct Open {
    Json* value;  ///< an object or a list that isn't complete
    std::unordered_map<std::string, std::size_t> places = {};  ///< of a large object's members
  };

  bool add(Json value) {
    *place() = std::move(value);
    return true;
  }

  bool open(Json value) {
    Json* const where = place();
    *where = std::move(value);
    open_.push_back({where});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  /// Where the next value goes: into a list, to a key, or to the root.
  Json* place() {
    if (open_.empty()) return &root_;
    if (!open_.back().value->is_array()) return next_;
    return &open_.back().value->get_ref<Json::array_t&>().emplace_back();
  }

  Json root_;
  std::vector<Open> open_;
  Json* next_ = nullptr;  ///< the value of the last key
};

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  const std::string valid = utf8_text(std::string(text), where);
  if (is_too_deep(valid)) {
    throw InputError(cat(where, ": lists and objects are nested more than ", kMostLevels,
                         " levels deep; is this the intended file?"));
  }
  try {
    DocumentBuilder builder;
    Json::sax_parse(valid, &builder);
    return builder.take();
  } catch (const nlohmann::json::parse_error& failure) {
    throw InputError(cat(where, ":", describe_json_error(valid, failure)));
  } catch (const nlohmann::json::out_of_range&) {
    throw InputError(cat(where, ": not valid JSON: a number in it is too large"));
  }
}

Json read_json(const std::filesystem::path& file) {
  return parse_json(read_text(file), file.string());
}

Json read_configuration(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  try {
    return parse_json(text, file.string());
  } catch (const InputError& failure) {
    throw UsageError(failure.what(), failure.advice());
  }
}

Json json_or_text(const std::string& text) {
  if (is_too_deep(text)) return text;
  Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return parsed.is_discarded() ? Json(text) : parsed;
}

std::string json_text(const Json& json) {
  return json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

std::optional<std::int64_t> whole_number(const Json& json) {
  constexpr double kBeyond = 9223372036854775808.0;  // 2^63
  if (json.is_number_unsigned()) {
    const auto value = json.get<std::uint64_t>();
    if (!std::in_range<std::int64_t>(value)) return std::nullopt;
    return static_cast<std::int64_t>(value);
  }
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (!json.is_number_float()) return std::nullopt;
  const auto value = json.get<double>();
  if (value != std::trunc(value) || !(std::abs(value) < kBeyond)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

void require_known_keys(const Json& object, std::initializer_list<const char*> allowed,
                        const std::string& where) {
  if (!object.is_object()) {
    throw UsageError(cat(where, ": expected a JSON object, got ", object.type_name()));
  }
  const std::vector<std::string> names(allowed.begin(), allowed.end());
  for (const auto& [key, value] : object.items()) {
    if (std::find(names.begin(), names.end(), key) == names.end()) {
      throw UsageError(cat(where, ": unknown key \"", key, "\"", suggestion(key, names)));
    }
  }
}

}  // namespace clipq
