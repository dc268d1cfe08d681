#include "clipq/text/prompts.h"

#include "clipq/core/assets.h"
#include "clipq/core/json.h"

namespace clipq {
namespace {

constexpr const char* kPlaceholder = "{c}";
constexpr const char* kClassNamesAsset = "prompts/en_classnames.json";
constexpr const char* kTemplatesAsset = "prompts/en_zeroshot_classification_templates.json";

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

std::vector<std::string> strings_of(const Json& list, const std::string& where) {
  if (!list.is_array() || list.empty()) {
    throw InputError(cat(where, ": expected a list of strings, got ",
                         list.is_array() ? "an empty one" : list.type_name()));
  }
  std::vector<std::string> strings;
  for (const Json& item : list) {
    if (!item.is_string()) {
      throw InputError(cat(where, "[", strings.size(), "]: expected a string, got ", item.dump()));
    }
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

/// The list for `dataset_name`; `advice` ends the message if there is none.
std::vector<std::string> select(const Json& document, const std::string& dataset_name,
                                const std::string& where, const std::string& advice) {
  if (!document.is_object()) return strings_of(document, where);
  const auto found = document.find(dataset_name);
  if (found == document.end()) {
    const std::vector<std::string> keys = keys_of(document);
    throw UsageError(cat(where, ": nothing for data set \"", dataset_name, "\"",
                         suggestion(dataset_name, keys), " It has: ", join(keys, ", "), advice));
  }
  return strings_of(*found, cat(where, ": ", dataset_name));
}

std::vector<std::string> with_placeholder(std::vector<std::string> templates,
                                          const std::string& where) {
  for (const std::string& each : templates) {
    if (each.find(kPlaceholder) != std::string::npos) continue;
    throw InputError(cat(where, ": template \"", each, "\" has no placeholder \"", kPlaceholder,
                         "\", which stands for the class name"));
  }
  return templates;
}

Json json_asset(const char* name) { return parse_json(asset(name), name); }

}  // namespace

std::vector<std::string> read_class_names(const std::filesystem::path& file,
                                          const std::string& dataset_name) {
  return select(read_json(file), dataset_name, file.string(), "");
}

std::vector<std::string> read_templates(const std::filesystem::path& file,
                                        const std::string& dataset_name) {
  return with_placeholder(select(read_json(file), dataset_name, file.string(), ""), file.string());
}

std::vector<std::string> builtin_class_names(const std::string& dataset_name) {
  return select(json_asset(kClassNamesAsset), dataset_name, "built-in class names",
                "; for another one give --classnames");
}

std::vector<std::string> builtin_templates(const std::string& dataset_name) {
  return select(json_asset(kTemplatesAsset), dataset_name, "built-in templates",
                "; for another one give --templates");
}

std::string fill_template(const std::string& prompt_template, const std::string& class_name) {
  const std::size_t length = std::string_view(kPlaceholder).size();
  std::string out;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t found = prompt_template.find(kPlaceholder, begin);
    out += prompt_template.substr(begin, found - begin);
    if (found == std::string::npos) return out;
    out += class_name;
    begin = found + length;
  }
}

}  // namespace clipq
