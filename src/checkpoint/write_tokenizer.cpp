#include "clipq/checkpoint/write_tokenizer.h"

#include <optional>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/text/tokenizer_source.h"
#include "write_tokenizer_model.h"

namespace clipq {
namespace {

class TokenizerWriter {
 public:
  TokenizerWriter(const TokenizerSource& source, std::int64_t context_length)
      : settings_(source.settings),
        frame_(settings_.frame),
        parts_(tokenizer_json_parts(source)),
        context_length_(context_length) {}

  std::string tokenizer() {
    const SortedJson json = {{"version", "1.0"},
                             {"truncation", truncation()},
                             {"padding", padding()},
                             {"added_tokens", added_tokens()},
                             {"normalizer", normalizer()},
                             {"pre_tokenizer", parts_.pre_tokenizer},
                             {"post_processor", post_processor()},
                             {"decoder", parts_.decoder},
                             {"model", std::move(parts_.model)}};
    return json.dump();
  }

  std::string config() const {
    Json decoder = Json::object();
    for (const AddedToken& token : parts_.added) {
      Json description = flags_of(token);
      decoder[std::to_string(token.id)] = std::move(description);
    }
    Json json = {{"added_tokens_decoder", std::move(decoder)},
                 {"clean_up_tokenization_spaces", false},
                 {"model_max_length", context_length_},
                 {"pad_token", name_of(frame_.pad)},
                 {"padding_side", frame_.pads_left ? "left" : "right"},
                 {"tokenizer_class", class_name()}};
    if (frame_.start) json["bos_token"] = name_of(*frame_.start);
    if (frame_.end) json["eos_token"] = name_of(*frame_.end);
    if (!parts_.unknown.empty()) json["unk_token"] = parts_.unknown;
    return json_text(json);
  }

  std::vector<std::string> inexpressible() const { return parts_.inexpressible; }

 private:
  const std::string& name_of(std::int32_t id) const {
    const auto found = parts_.names.find(id);
    if (found != parts_.names.end()) return found->second;
    throw UsageError(cat("the tokenizer: no token has the id ", id,
                         ", which stands for start, end ", "or padding; tokenizer.json needs one"));
  }

  /// transformers' newer classes make normalizers of their own, whatever tokenizer.json has;
  /// PreTrainedTokenizerFast doesn't.
  const char* class_name() const {
    const bool is_clips = settings_.kind == TokenModelKind::kClipBpe &&
                          settings_.words == WordPattern::kHuggingFace &&
                          settings_.preparation.empty() &&
                          settings_.cleaning == hugging_face_clip_cleaning();
    return is_clips ? "CLIPTokenizer" : "PreTrainedTokenizerFast";
  }

  bool is_special(const AddedToken& token) const {
    return token.id == frame_.start || token.id == frame_.end || token.id == frame_.pad ||
           token.text == parts_.unknown;
  }

  Json flags_of(const AddedToken& token) const {
    return {{"content", token.text},          {"single_word", false},
            {"lstrip", token.strips_left},    {"rstrip", token.strips_right},
            {"normalized", token.normalized}, {"special", is_special(token)}};
  }

  SortedJson added_tokens() const {
    SortedJson tokens = SortedJson::array();
    for (const AddedToken& token : parts_.added) {
      SortedJson json = flags_of(token);
      json["id"] = token.id;
      tokens.push_back(std::move(json));
    }
    return tokens;
  }

  SortedJson normalizer() const {
    if (parts_.normalizers.empty()) return nullptr;
    return {{"type", "Sequence"}, {"normalizers", parts_.normalizers}};
  }

  SortedJson truncation() const {
    return {{"direction", "Right"},
            {"max_length", context_length_},
            {"strategy", "LongestFirst"},
            {"stride", 0}};
  }

  SortedJson padding() const {
    return {{"strategy", {{"Fixed", context_length_}}},
            {"direction", frame_.pads_left ? "Left" : "Right"},
            {"pad_to_multiple_of", nullptr},
            {"pad_id", frame_.pad},
            {"pad_type_id", 0},
            {"pad_token", name_of(frame_.pad)}};
  }

  /// Start and end around a text, or around both of a pair.
  SortedJson post_processor() const {
    SortedJson tokens = SortedJson::object();
    SortedJson single = SortedJson::array();
    const auto add = [&](const std::optional<std::int32_t>& id) {
      if (!id) return;
      const std::string& name = name_of(*id);
      tokens[name] = {
          {"id", name}, {"ids", SortedJson::array({*id})}, {"tokens", SortedJson::array({name})}};
      single.push_back({{"SpecialToken", {{"id", name}, {"type_id", 0}}}});
    };
    add(frame_.start);
    single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
    add(frame_.end);
    SortedJson pair = single;
    for (SortedJson each : single) {
      SortedJson& item = each.begin().value();
      item["type_id"] = 1;
      if (each.contains("Sequence")) item["id"] = "B";
      pair.push_back(std::move(each));
    }
    return {{"type", "TemplateProcessing"},
            {"single", std::move(single)},
            {"pair", std::move(pair)},
            {"special_tokens", std::move(tokens)}};
  }

  const TokenizerSettings& settings_;
  const TokenFrame& frame_;
  TokenizerJsonParts parts_;
  std::int64_t context_length_;
};

}  // namespace

TokenizerFiles write_tokenizer(const Tokenizer& tokenizer, std::int64_t context_length) {
  const TokenFrame& frame = tokenizer.frame();
  const std::int64_t least = 1 + (frame.start ? 1 : 0) + (frame.end ? 1 : 0);
  if (context_length < least) {
    throw UsageError(cat("tokenizer.json: a context of ", context_length,
                         "; with start and end it must be at least ", least));
  }
  const TokenizerSource source = tokenizer.source();
  TokenizerWriter writer(source, context_length);
  std::string config = writer.config();
  return {writer.tokenizer(), std::move(config), writer.inexpressible()};
}

}  // namespace clipq
