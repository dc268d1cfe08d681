#include "clipq/text/prompts.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <sstream>

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

std::vector<std::string> clip_benchmark_templates(const std::string& dataset_name) {
  return select(json_asset(kTemplatesAsset), dataset_name, "built-in templates",
                "; for another one give --templates, such as imagenet7 (in a run: --set "
                "data.NAME.templates=imagenet7)");
}

std::vector<std::string> imagenet80_templates(const std::string&) {
  return clip_benchmark_templates("imagenet1k");
}

std::vector<std::string> imagenet7_templates(const std::string&) {
  return strings_of(json_asset("templates/imagenet7.json"), "templates/imagenet7.json");
}

struct TemplateRow {
  TemplateSet set;
  std::vector<std::string> (*load)(const std::string& dataset_name);
};

const std::vector<TemplateRow>& template_rows() {
  static const std::vector<TemplateRow> rows = {
      {{"clip_benchmark", "CLIP_benchmark's for the data set (the default)"},
       clip_benchmark_templates},
      {{"imagenet80", "OpenAI's 80 for ImageNet"}, imagenet80_templates},
      {{"imagenet7", "the 7 of them that OpenAI found to do best"}, imagenet7_templates},
  };
  return rows;
}

bool is_names_by_key(const Json& document) {
  return document.is_object() && !document.empty() &&
         std::all_of(document.begin(), document.end(),
                     [](const Json& value) { return value.is_string(); });
}

}  // namespace

ClassNames read_class_names(const std::filesystem::path& file, const std::string& dataset_name) {
  const Json document = read_json(file);
  if (!is_names_by_key(document)) {
    return {select(document, dataset_name, file.string(), ""), {}};
  }
  ClassNames names;
  for (const auto& [key, name] : document.get<std::map<std::string, std::string>>()) {
    names.keys.push_back(key);
    names.names.push_back(name);
  }
  return names;
}

const std::vector<TemplateSet>& template_sets() {
  static const std::vector<TemplateSet> sets = [] {
    std::vector<TemplateSet> all;
    for (const TemplateRow& row : template_rows()) all.push_back(row.set);
    return all;
  }();
  return sets;
}

std::vector<std::string> load_templates(const std::string& name_or_file,
                                        const std::string& dataset_name) {
  std::vector<std::string> names;
  for (const TemplateRow& row : template_rows()) {
    if (row.set.name == name_or_file) return row.load(dataset_name);
    names.push_back(row.set.name);
  }
  if (!std::filesystem::exists(name_or_file)) {
    throw UsageError(cat("--templates ", name_or_file, ": neither a file nor a set of templates (",
                         join(names, ", "), ")", suggestion(name_or_file, names)));
  }
  return with_placeholder(select(read_json(name_or_file), dataset_name, name_or_file, ""),
                          name_or_file);
}

std::vector<std::string> builtin_class_names(const std::string& dataset_name) {
  return select(json_asset(kClassNamesAsset), dataset_name, "built-in class names",
                "; for another one give --classnames");
}

std::vector<std::string> imagenet_wnids() {
  std::istringstream lines{std::string(asset("prompts/imagenet_wnids.txt"))};
  return {std::istream_iterator<std::string>(lines), {}};
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
