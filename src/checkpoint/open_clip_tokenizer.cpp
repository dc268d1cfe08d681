#include "open_clip_tokenizer.h"

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "open_clip_documents.h"

namespace clipq {
namespace {

/// object[key], null if it isn't there.
Json value_at(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? Json() : *found;
}

TextCleaning parse_clean(const Json& name, const std::string& place) {
  if (name == "lower") return open_clip_lower();
  if (name == "whitespace") return open_clip_whitespace();
  if (name == "canonicalize") return open_clip_canonicalize();
  throw InputError(cat(place, ": \"clean\" is ", name.dump(),
                       "; expected \"lower\", \"whitespace\" or \"canonicalize\""));
}

}  // namespace

OpenClipTokenizer read_open_clip_tokenizer(const Documents& documents, bool is_hugging_face,
                                           const std::string& where) {
  const auto document = documents.find(kOpenClipConfig);
  if (document == documents.end()) return {};
  if (is_hugging_face && documents.count("config.json") > 0) return {};
  const std::string place = cat(where, ": ", kOpenClipConfig);
  const Json config = parse_json(document->second, place);
  const Json nested = value_at(config, "model_cfg");
  const Json text = value_at(nested.is_null() ? config : nested, "text_cfg");
  const Json arguments = value_at(text, "tokenizer_kwargs");
  OpenClipTokenizer tokenizer;
  tokenizer.is_there = true;
  tokenizer.is_hugging_face = !value_at(text, "hf_tokenizer_name").is_null();
  const Json clean = value_at(arguments, "clean");
  if (!clean.is_null()) tokenizer.clean = parse_clean(clean, place + ": tokenizer_kwargs");
  for (const Json& each :
       {value_at(arguments, "strip_sep_token"), value_at(text, "tokenizer_mode")}) {
    if (each.is_null() || each == false) continue;
    throw InputError(cat(place, ": a tokenizer with \"strip_sep_token\" or \"tokenizer_mode\", ",
                         "which clipq doesn't have"));
  }
  return tokenizer;
}

}  // namespace clipq
