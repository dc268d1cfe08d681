#include "clipq/core/json.h"

#include <algorithm>
#include <vector>

#include "clipq/core/text_file.h"

namespace clipq {

Json parse_json(std::string_view bytes, const std::string& where) {
  const std::string text = utf8_text(std::string(bytes), where);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& failure) {
    const std::string_view before =
        std::string_view(text).substr(0, failure.byte > 0 ? failure.byte - 1 : 0);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto line_begin = before.rfind('\n');
    const auto column =
        before.size() - (line_begin == std::string_view::npos ? 0 : line_begin + 1) + 1;
    throw InputError(cat(where, ":", line, ":", column, ": not valid JSON: ", failure.what()));
  }
}

Json read_json(const std::filesystem::path& file) {
  return parse_json(read_text(file), file.string());
}

Json json_or_text(const std::string& text) {
  Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return parsed.is_discarded() ? Json(text) : parsed;
}

std::string json_text(const Json& json) {
  return json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
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
