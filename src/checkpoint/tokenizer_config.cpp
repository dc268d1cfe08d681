#include "tokenizer_config.h"

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

[[noreturn]] void throw_wrong(const std::string& place, const char* key, const Json& value) {
  throw InputError(cat(place, ": \"", key, "\" has the wrong type: ", value.dump()));
}

/// A token is its text, or an object with its text as "content".
void read_token(const Json& json, const char* key, const std::string& place,
                std::optional<std::string>& token) {
  const auto found = json.find(key);
  if (token || found == json.end() || found->is_null()) return;
  const bool is_object = found->is_object() && found->contains("content");
  const Json& text = is_object ? (*found)["content"] : *found;
  if (!text.is_string()) throw_wrong(place, key, *found);
  token = text.get<std::string>();
}

void read_truth(const Json& json, const char* key, const std::string& place,
                std::optional<bool>& truth) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return;
  if (!found->is_boolean()) throw_wrong(place, key, *found);
  truth = found->get<bool>();
}

std::string read_text(const Json& json, const char* key, const std::string& place) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return "";
  if (!found->is_string()) throw_wrong(place, key, *found);
  return found->get<std::string>();
}

void read_tokens(const Json& json, const std::string& place, TokenizerConfig& config) {
  read_token(json, "bos_token", place, config.start_token);
  read_token(json, "eos_token", place, config.end_token);
  read_token(json, "pad_token", place, config.pad_token);
}

Json object_of(const std::string& document, const std::string& place) {
  Json json = parse_json(document, place);
  if (!json.is_object()) throw InputError(cat(place, ": expected an object"));
  return json;
}

std::string class_of(const Json& json, const std::string& place) {
  std::string name = read_text(json, "tokenizer_class", place);
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name;
}

}  // namespace

TokenizerConfig read_tokenizer_config(const Documents& documents, const std::string& where) {
  TokenizerConfig config;
  if (const auto found = documents.find("tokenizer_config.json"); found != documents.end()) {
    const std::string place = where + ": tokenizer_config.json";
    const Json json = object_of(found->second, place);
    config.is_there = true;
    config.tokenizer_class = class_of(json, place);
    read_tokens(json, place, config);
    read_truth(json, "add_bos_token", place, config.adds_start);
    read_truth(json, "add_eos_token", place, config.adds_end);
    read_truth(json, "do_lower_case", place, config.lower_case);
    const std::string side = read_text(json, "padding_side", place);
    if (!side.empty()) config.pads_left = side == "left";
  }
  if (const auto found = documents.find("special_tokens_map.json"); found != documents.end()) {
    const std::string place = where + ": special_tokens_map.json";
    read_tokens(object_of(found->second, place), place, config);
  }
  return config;
}

}  // namespace clipq
