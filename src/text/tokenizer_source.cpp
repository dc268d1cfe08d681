#include "clipq/text/tokenizer_source.h"

#include <algorithm>
#include <array>
#include <limits>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

template <typename Enum>
struct Named {
  Enum value;
  const char* name;
};

constexpr std::array<Named<TokenModelKind>, 3> kKinds = {
    {{TokenModelKind::kClipBpe, "clip_bpe"},
     {TokenModelKind::kSentencePiece, "sentencepiece"},
     {TokenModelKind::kByteFallbackBpe, "byte_fallback_bpe"}}};

constexpr std::array<Named<WordPattern>, 2> kWordPatterns = {
    {{WordPattern::kOpenClip, "open_clip"}, {WordPattern::kHuggingFace, "hugging_face"}}};

constexpr std::array<Named<bool>, 2> kPaddingSides = {{{false, "right"}, {true, "left"}}};

template <typename Enum, std::size_t size>
const char* name_in(const std::array<Named<Enum>, size>& table, Enum value) {
  return std::find_if(table.begin(), table.end(),
                      [value](const auto& each) { return each.value == value; })
      ->name;
}

/// Reads an object and throws InputError that names the key.
class SettingsReader {
 public:
  SettingsReader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) throw InputError(cat(where_, ": expected an object"));
  }

  const Json& at(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) throw InputError(cat(where_, ": \"", key, "\" is missing"));
    return *found;
  }

  bool truth(const char* key) const {
    if (!at(key).is_boolean()) throw_wrong(key, "true or false");
    return at(key).get<bool>();
  }

  std::string text(const char* key) const {
    if (!at(key).is_string()) throw_wrong(key, "a text");
    return at(key).get<std::string>();
  }

  std::int32_t id(const char* key) const {
    const auto number = whole_number(at(key));
    // One below the largest, so that the number of ids is one, too.
    if (!number || *number < 0 || *number >= std::numeric_limits<std::int32_t>::max()) {
      throw_wrong(key, "an id");
    }
    return static_cast<std::int32_t>(*number);
  }

  std::optional<std::int32_t> optional_id(const char* key) const {
    return at(key).is_null() ? std::nullopt : std::optional(id(key));
  }

  const Json& list(const char* key) const {
    if (!at(key).is_array()) throw_wrong(key, "a list");
    return at(key);
  }

  TextCleaning cleaning(const char* key) const {
    std::vector<std::string> names;
    for (const Json& name : list(key)) {
      if (!name.is_string()) throw_wrong(key, "a list of names");
      names.push_back(name.get<std::string>());
    }
    return parse_cleaning(names, where_);
  }

  template <typename Enum, std::size_t size>
  Enum choice(const char* key, const std::array<Named<Enum>, size>& table) const {
    const std::string name = text(key);
    for (const auto& each : table) {
      if (name == each.name) return each.value;
    }
    throw InputError(cat(where_, ": \"", key, "\" is \"", name, "\", which clipq doesn't know"));
  }

 private:
  [[noreturn]] void throw_wrong(const char* key, const char* expected) const {
    throw InputError(cat(where_, ": \"", key, "\" is ", at(key).dump(), "; expected ", expected));
  }

  const Json& json_;
  std::string where_;
};

Json to_json(const AddedToken& token) {
  return {{"text", token.text},
          {"id", token.id},
          {"normalized", token.normalized},
          {"strips_left", token.strips_left},
          {"strips_right", token.strips_right}};
}

Json to_json(const TextCleaning& cleaning) {
  Json names = Json::array();
  for (const CleaningStep step : cleaning) names.push_back(name_of(step));
  return names;
}

Json to_json(const std::optional<std::int32_t>& id) { return id ? Json(*id) : Json(); }

}  // namespace

Json to_json(const TokenizerSettings& settings) {
  Json added = Json::array();
  for (const AddedToken& token : settings.added) added.push_back(to_json(token));
  return {{"kind", name_in(kKinds, settings.kind)},
          {"preparation", to_json(settings.preparation)},
          {"cleaning", to_json(settings.cleaning)},
          {"words", name_in(kWordPatterns, settings.words)},
          {"added_tokens", std::move(added)},
          {"continues_words", settings.continues_words},
          {"start", to_json(settings.frame.start)},
          {"end", to_json(settings.frame.end)},
          {"pad", settings.frame.pad},
          {"padding_side", name_in(kPaddingSides, settings.frame.pads_left)}};
}

TokenizerSettings parse_tokenizer_settings(const Json& json, const std::string& where) {
  const SettingsReader reader(json, where);
  TokenizerSettings settings;
  settings.kind = reader.choice("kind", kKinds);
  settings.preparation = reader.cleaning("preparation");
  settings.cleaning = reader.cleaning("cleaning");
  settings.words = reader.choice("words", kWordPatterns);
  settings.continues_words = reader.truth("continues_words");
  settings.frame = {.start = reader.optional_id("start"),
                    .end = reader.optional_id("end"),
                    .pad = reader.id("pad"),
                    .pads_left = reader.choice("padding_side", kPaddingSides)};
  for (const Json& each : reader.list("added_tokens")) {
    const SettingsReader token(each, where + ": added_tokens");
    settings.added.push_back({.text = token.text("text"),
                              .id = token.id("id"),
                              .normalized = token.truth("normalized"),
                              .strips_left = token.truth("strips_left"),
                              .strips_right = token.truth("strips_right")});
  }
  return settings;
}

}  // namespace clipq
