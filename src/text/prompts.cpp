#include "clipq/text/prompts.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <sstream>

#include "clipq/core/ascii.h"
#include "clipq/core/assets.h"
#include "clipq/core/json.h"
#include "clipq/core/setting.h"
#include "clipq/core/text_file.h"

namespace clipq {
namespace {

constexpr const char* kPlaceholder = "{c}";
constexpr const char* kImageNet = "imagenet1k";
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
                         list.is_array() ? "an empty list" : list.type_name()));
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

std::string shortened_list(std::vector<std::string> words) {
  constexpr std::size_t kShown = 50;
  const bool all = words.size() <= kShown;
  if (!all) words.resize(kShown);
  return join(words, ", ") + (all ? "" : ", …");
}

/// The list for the data set.
/// @param advice what to set otherwise if there is none
std::vector<std::string> select(const Json& document, const DatasetKeys& data,
                                const std::string& where, const std::vector<Advice>& advice = {}) {
  if (!document.is_object()) return strings_of(document, where);
  for (const std::string& key : {data.name, data.layout}) {
    const auto found = document.find(key);
    if (found != document.end()) return strings_of(*found, cat(where, ": ", key));
  }
  const std::vector<std::string> keys = keys_of(document);
  throw UsageError(
      cat(where, ": no entry for data set \"", data.name, "\"", suggestion(data.name, keys),
          " It has: ", shortened_list(keys), advice.empty() ? "" : "; pass others"),
      advice);
}

std::vector<std::string> with_placeholder(std::vector<std::string> templates,
                                          const std::string& where) {
  for (const std::string& each : templates) {
    if (each.find(kPlaceholder) != std::string::npos) continue;
    throw InputError(cat(where, ": template \"", each, "\" has no placeholder \"", kPlaceholder,
                         "\", which stands for the class name",
                         each.find("{}") == std::string::npos ? "" : "; write it for \"{}\""));
  }
  return templates;
}

Json json_asset(const char* name) { return parse_json(asset(name), name); }

std::vector<std::string> clip_benchmark_templates(const DatasetKeys& data) {
  if (!data.templates.empty()) return with_placeholder(data.templates, "templates of the data");
  return select(json_asset(kTemplatesAsset), data, "built-in templates",
                {{Setting::kTemplates, "imagenet7"}});
}

std::vector<std::string> imagenet80_templates(const DatasetKeys&) {
  return clip_benchmark_templates(kImageNet);
}

std::vector<std::string> imagenet7_templates(const DatasetKeys&) {
  return strings_of(json_asset("templates/imagenet7.json"), "templates/imagenet7.json");
}

struct TemplateRow {
  TemplateSet set;
  std::vector<std::string> (*load)(const DatasetKeys& data);
};

const std::vector<TemplateRow>& template_rows() {
  static const std::vector<TemplateRow> rows = {
      {{"clip_benchmark", "CLIP_benchmark's for the data set (the default)"},
       clip_benchmark_templates},
      {{"imagenet80", "OpenAI's 80 for ImageNet"}, imagenet80_templates},
      {{"imagenet7", "the 7 of these that OpenAI found to perform best"}, imagenet7_templates},
  };
  return rows;
}

bool is_names_by_key(const Json& document) {
  return document.is_object() && !document.empty() &&
         std::all_of(document.begin(), document.end(),
                     [](const Json& value) { return value.is_string(); });
}

/// Whether the object has prompts by class, as in CuPL's files: lists without the placeholder.
bool is_prompts_by_class(const Json& document) {
  return document.is_object() && !document.empty() &&
         std::all_of(document.begin(), document.end(), [](const Json& value) {
           return value.is_array() && !value.empty() && value.front().is_string() &&
                  value.front().get<std::string>().find(kPlaceholder) == std::string::npos;
         });
}

/// The lines of a text; trailing ones may be blank.
std::vector<std::string> words_of(const std::string& text, const std::string& where) {
  std::vector<std::string> words;
  for (const std::string& line : lines_of(text)) words.push_back(trimmed(line));
  while (!words.empty() && words.back().empty()) words.pop_back();
  const auto blank = std::find(words.begin(), words.end(), "");
  if (blank != words.end()) {
    throw InputError(cat(where, ":", 1 + (blank - words.begin()),
                         ": the line is blank; expected one text per line, or JSON"));
  }
  if (words.empty()) throw InputError(cat(where, " is empty; expected one text per line, or JSON"));
  return words;
}

/// A JSON document, or the list of a text's lines.
Json list_or_json(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  const std::string begin =
      trimmed(std::string_view(text).substr(0, text.find_first_of("[{\"") + 1));
  const bool is_json = lower_case(file.string()).ends_with(".json") || begin == "[" || begin == "{";
  return is_json ? parse_json(text, file.string()) : Json(words_of(text, file.string()));
}

/// The names in lines such as "n01440764 tench", by wnid; none if any line is different.
std::map<std::string, std::string> names_by_wnid(const std::vector<std::string>& lines) {
  constexpr std::size_t kWnidLength = 9;
  std::map<std::string, std::string> names;
  for (const std::string& line : lines) {
    const std::string key = line.substr(0, line.find_first_of(" \t"));
    const bool is_wnid = key.size() == kWnidLength && key[0] == 'n' &&
                         key.find_first_not_of("0123456789", 1) == std::string::npos;
    if (!is_wnid || key.size() == line.size()) return {};
    names[key] = trimmed(line.substr(key.size()));
  }
  return names;
}

}  // namespace

ClassNames read_class_names(const std::filesystem::path& file, const DatasetKeys& data) {
  const Json document = list_or_json(file);
  std::map<std::string, std::string> by_key;
  if (is_names_by_key(document)) {
    by_key = document.get<std::map<std::string, std::string>>();
  } else {
    std::vector<std::string> list = select(document, data, file.string());
    by_key = names_by_wnid(list);
    if (by_key.empty()) return {std::move(list), {}};
  }
  ClassNames names;
  for (const auto& [key, name] : by_key) {
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

std::vector<std::string> load_templates(const std::string& name_or_file, const DatasetKeys& data) {
  std::vector<std::string> names;
  for (const TemplateRow& row : template_rows()) {
    if (row.set.name == name_or_file) return row.load(data);
    names.push_back(row.set.name);
  }
  if (name_or_file != kStandardInput && !std::filesystem::exists(name_or_file)) {
    throw UsageError(cat("templates ", name_or_file, ": neither a file nor a set of templates (",
                         join(names, ", "), ")", suggestion(name_or_file, names)));
  }
  const Json document = list_or_json(name_or_file);
  if (is_prompts_by_class(document)) {
    throw InputError(cat("templates ", name_or_file, " has prompts for each class (\"",
                         document.begin().key(), "\": …), as CuPL's files do; expected templates ",
                         "for all classes, with ", kPlaceholder, " for the class name: [\"a ",
                         "photo of a ", kPlaceholder, ".\"], or an object of such lists by data ",
                         "set"));
  }
  return with_placeholder(select(document, data, name_or_file), name_or_file);
}

std::vector<std::string> builtin_class_names(const std::string& dataset_name) {
  return select(json_asset(kClassNamesAsset), {dataset_name, dataset_name}, "built-in class names",
                {{Setting::kClassNames}});
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
