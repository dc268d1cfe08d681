#include "tokenizer_json.h"

#include <limits>
#include <sstream>
#include <utility>

#include "clipq/core/base64.h"
#include "clipq/core/error.h"
#include "clipq/core/sorted_json.h"
#include "clipq/core/strings.h"
#include "clipq/text/sentencepiece_proto.h"

namespace clipq {
namespace {

constexpr const char* kWordBeginning = "\xE2\x96\x81";  ///< U+2581, which stands for a blank

/// OpenAI's order of ids, which merges alone determine: 256 symbols, the same at the ends of words,
/// one per merge, two special ones.
constexpr std::int64_t kSymbols = 512;

/// The classes of CLIPTokenizerFast's regular expression, which every version has.
constexpr const char* kClipPattern = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";

/// object[key], null if it isn't there.
const SortedJson& value_at(const SortedJson& object, const char* key) {
  static const SortedJson null;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? null : *found;
}

bool is(const SortedJson& object, const char* key, const SortedJson& value) {
  return value_at(object, key) == value;
}

std::string abbreviated(const SortedJson& json) {
  constexpr std::size_t kMost = 100;
  const std::string text = json.dump(-1, ' ', false, SortedJson::error_handler_t::replace);
  return text.size() <= kMost ? text : text.substr(0, kMost) + "…";
}

[[noreturn]] void throw_unsupported(const std::string& place, const char* part,
                                    const SortedJson& json) {
  throw InputError(
      cat(place, ": its ", part, " is ", abbreviated(json), ", which clipq doesn't support"));
}

std::int32_t id_in(const SortedJson& json, const std::string& place) {
  // One below the largest, so that the number of ids is one, too.
  if (json.is_number_unsigned() &&
      json.get<std::uint64_t>() < std::numeric_limits<std::int32_t>::max()) {
    return json.get<std::int32_t>();
  }
  throw InputError(cat(place, ": expected an id, got ", abbreviated(json)));
}

/// The members of a "Sequence", or the part itself; none if it is null.
std::vector<SortedJson> members(const SortedJson& part, const char* key) {
  if (part.is_null()) return {};
  const SortedJson listed = is(part, "type", "Sequence") ? value_at(part, key) : SortedJson();
  if (!listed.is_array()) return {part};
  return {listed.begin(), listed.end()};
}

bool is_replacement(const SortedJson& normalizer, const char* kind, const std::string& pattern,
                    const std::string& content) {
  return is(normalizer, "type", "Replace") && is(value_at(normalizer, "pattern"), kind, pattern) &&
         is(normalizer, "content", content);
}

TextCleaning read_cleaning(const SortedJson& json, const std::string& place) {
  TextCleaning cleaning;
  for (const SortedJson& each : members(value_at(json, "normalizer"), "normalizers")) {
    if (is(each, "type", "NFC")) {
      cleaning.push_back(CleaningStep::kNfc);
    } else if (is(each, "type", "Lowercase")) {
      cleaning.push_back(CleaningStep::kLowerCharacters);
    } else if (is_replacement(each, "Regex", "\\s+", " ")) {
      cleaning.push_back(CleaningStep::kReplaceSpaces);
    } else if (is_replacement(each, "String", " ", kWordBeginning)) {
      cleaning.push_back(CleaningStep::kMarkWordBeginnings);
    } else {
      throw_unsupported(place, "normalizer", each);
    }
  }
  return cleaning;
}

std::vector<AddedToken> read_added_tokens(const SortedJson& json, const std::string& place) {
  std::vector<AddedToken> tokens;
  const SortedJson& listed = value_at(json, "added_tokens");
  if (!listed.is_null() && !listed.is_array()) throw_unsupported(place, "added_tokens", listed);
  for (const SortedJson& each : listed) {
    const SortedJson& text = value_at(each, "content");
    if (!text.is_string() || is(each, "single_word", true)) {
      throw_unsupported(place, "added token", each);
    }
    tokens.push_back({.text = text.get<std::string>(),
                      .id = id_in(value_at(each, "id"), place + ": added_tokens"),
                      .normalized = is(each, "normalized", true),
                      .strips_left = is(each, "lstrip", true),
                      .strips_right = is(each, "rstrip", true)});
  }
  return tokens;
}

/// The ids that TemplateProcessing puts before and behind a text.
void read_template(const SortedJson& processor, const std::string& place, TokenFrame& frame) {
  const SortedJson& specials = value_at(processor, "special_tokens");
  bool is_behind = false;
  for (const SortedJson& each : value_at(processor, "single")) {
    if (!value_at(each, "Sequence").is_null()) {
      is_behind = true;
      continue;
    }
    const SortedJson& name = value_at(value_at(each, "SpecialToken"), "id");
    auto& id = is_behind ? frame.end : frame.start;
    if (!name.is_string() || id) throw_unsupported(place, "post_processor", processor);
    const SortedJson& ids = value_at(value_at(specials, name.get<std::string>().c_str()), "ids");
    if (!ids.is_array() || ids.size() != 1) throw_unsupported(place, "post_processor", processor);
    id = id_in(ids[0], place + ": post_processor");
  }
}

TokenFrame read_frame(const SortedJson& json, const std::string& place) {
  TokenFrame frame;
  for (const SortedJson& each : members(value_at(json, "post_processor"), "processors")) {
    if (is(each, "type", "TemplateProcessing")) {
      read_template(each, place, frame);
    } else if (is(each, "type", "RobertaProcessing") || is(each, "type", "BertProcessing")) {
      const SortedJson& start = value_at(each, "cls");
      const SortedJson& end = value_at(each, "sep");
      if (!start.is_array() || start.size() != 2 || !end.is_array() || end.size() != 2) {
        throw_unsupported(place, "post_processor", each);
      }
      frame.start = id_in(start[1], place + ": post_processor");
      frame.end = id_in(end[1], place + ": post_processor");
    } else if (!is(each, "type", "ByteLevel")) {
      throw_unsupported(place, "post_processor", each);
    }
  }
  return frame;
}

/// Merges are lists of two, or "a b" in older files.
std::string merges_text(const SortedJson& model, const std::string& place) {
  std::string text = "#version: tokenizer.json\n";
  for (const SortedJson& merge : model["merges"]) {
    if (merge.is_string()) {
      text += merge.get<std::string>();
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      text += cat(merge[0].get<std::string>(), " ", merge[1].get<std::string>());
    } else {
      throw InputError(cat(place, ": not a pair of symbols: ", abbreviated(merge)));
    }
    text += "\n";
  }
  return text;
}

void require_clip_words(const SortedJson& json, const std::string& place) {
  for (const SortedJson& each : members(value_at(json, "pre_tokenizer"), "pretokenizers")) {
    const SortedJson& regex = value_at(value_at(each, "pattern"), "Regex");
    const bool splits_words = regex.is_string() && regex.get<std::string>().ends_with(kClipPattern);
    const bool is_byte_level = is(each, "type", "ByteLevel") && !is(each, "add_prefix_space", true);
    if (!splits_words && !is_byte_level) throw_unsupported(place, "pre_tokenizer", each);
  }
}

void require_whole_texts(const SortedJson& json, const TextCleaning& cleaning,
                         const std::string& place) {
  for (const SortedJson& each : members(value_at(json, "pre_tokenizer"), "pretokenizers")) {
    const bool finds_nothing = is(value_at(each, "pattern"), "String", " ") && !cleaning.empty() &&
                               cleaning.back() == CleaningStep::kMarkWordBeginnings;
    if (!finds_nothing) throw_unsupported(place, "pre_tokenizer", each);
  }
}

/// Normalization of a unigram model, which SentencePiece does itself.
void read_unigram_normalizer(const SortedJson& json, const std::string& place,
                             UnigramPieces& pieces, TextCleaning& cleaning) {
  pieces.collapses_spaces = false;
  for (const SortedJson& each : members(value_at(json, "normalizer"), "normalizers")) {
    const SortedJson& charsmap = value_at(each, "precompiled_charsmap");
    if (is(each, "type", "Precompiled") && charsmap.is_string()) {
      pieces.charsmap = from_base64(charsmap.get<std::string>(), place + ": normalizer");
    } else if (is(each, "type", "Lowercase") && pieces.charsmap.empty()) {
      cleaning.push_back(CleaningStep::kLowerCharacters);
    } else if (is_replacement(each, "Regex", " {2,}", " ") ||
               is_replacement(each, "Regex", " {2,}", kWordBeginning)) {
      pieces.collapses_spaces = true;
    } else if (!is(each, "type", "Strip")) {
      throw_unsupported(place, "normalizer", each);
    }
  }
}

void read_metaspace(const SortedJson& json, const std::string& place, UnigramPieces& pieces) {
  pieces.adds_prefix = false;
  for (const SortedJson& each : members(value_at(json, "pre_tokenizer"), "pretokenizers")) {
    if (is(each, "type", "Metaspace") && is(each, "replacement", kWordBeginning)) {
      const SortedJson& scheme = value_at(each, "prepend_scheme");
      pieces.adds_prefix =
          scheme.is_null() ? !is(each, "add_prefix_space", false) : scheme != "never";
    } else if (is(each, "type", "WhitespaceSplit")) {
      pieces.collapses_spaces = true;
    } else {
      throw_unsupported(place, "pre_tokenizer", each);
    }
  }
}

UnigramPieces read_unigram(const SortedJson& model, const std::string& place) {
  UnigramPieces pieces;
  for (const SortedJson& each : model["vocab"]) {
    if (!each.is_array() || each.size() != 2 || !each[0].is_string() || !each[1].is_number()) {
      throw InputError(cat(place, ": not a piece and its score: ", abbreviated(each)));
    }
    pieces.pieces.push_back({each[0].get<std::string>(), each[1].get<float>()});
  }
  pieces.unknown = id_in(value_at(model, "unk_id"), place + ": unk_id");
  pieces.byte_fallback = is(model, "byte_fallback", true);
  return pieces;
}

TokenModelKind kind_of(const SortedJson& model, const std::string& place) {
  const SortedJson& vocabulary = value_at(model, "vocab");
  if (is(model, "type", "Unigram") && vocabulary.is_array()) return TokenModelKind::kSentencePiece;
  if (vocabulary.is_object() && value_at(model, "merges").is_array()) {
    if (is(model, "end_of_word_suffix", "</w>")) return TokenModelKind::kClipBpe;
    if (is(model, "byte_fallback", true)) return TokenModelKind::kByteFallbackBpe;
  }
  const SortedJson& type = value_at(model, "type");
  throw InputError(
      cat(place, ": its model is ", type.is_string() ? type.get<std::string>() : "none",
          ", which clipq doesn't have; expected the BPE of CLIP (with \"</w>\"), one with ",
          "byte fallback as Gemma's, or a unigram model as T5's"));
}

}  // namespace

void require_openai_order(const SortedJson& vocabulary, const std::string& merges,
                          const std::string& place) {
  const auto require = [&](const std::string& token, std::int64_t id) {
    const auto found = vocabulary.find(token);
    if (found != vocabulary.end() && *found == id) return;
    throw InputError(cat(place, ": \"", token, "\" isn't id ", id,
                         ": its vocabulary isn't in the order of OpenAI's tokenizer, which clipq "
                         "needs"));
  };
  require("!", 0);
  require("~", 93);
  require("!</w>", 256);
  std::istringstream lines(merges);
  std::string line;
  std::getline(lines, line);
  for (std::int64_t id = kSymbols; std::getline(lines, line); ++id) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string::npos) break;
    require(line.substr(0, blank) + line.substr(blank + 1), id);
  }
}

TokenizerJson::TokenizerJson(const std::string& document, std::string place)
    : json_(parse_sorted_json(document, place)),
      place_(std::move(place)),
      kind_(kind_of(value_at(json_, "model"), place_)) {}

TokenizerSource TokenizerJson::source() const {
  const SortedJson& model = json_.at("model");
  TokenizerSource out;
  out.settings.kind = kind_;
  out.settings.words = WordPattern::kHuggingFace;
  out.settings.added = read_added_tokens(json_, place_);
  out.settings.frame = read_frame(json_, place_);
  if (kind_ == TokenModelKind::kSentencePiece) {
    UnigramPieces pieces = read_unigram(model, place_);
    read_unigram_normalizer(json_, place_, pieces, out.settings.cleaning);
    read_metaspace(json_, place_, pieces);
    out.vocabulary = to_sentencepiece(pieces);
    return out;
  }
  out.settings.cleaning = read_cleaning(json_, place_);
  if (kind_ == TokenModelKind::kClipBpe) {
    require_clip_words(json_, place_);
    out.vocabulary = merges_text(model, place_);
    require_openai_order(model["vocab"], out.vocabulary, place_);
  } else {
    require_whole_texts(json_, out.settings.cleaning, place_);
    out.vocabulary = model.dump();
  }
  return out;
}

std::optional<std::int32_t> TokenizerJson::id_of(const std::string& token) const {
  for (const SortedJson& each : value_at(json_, "added_tokens")) {
    if (is(each, "content", token)) return id_in(value_at(each, "id"), place_ + ": added_tokens");
  }
  if (vocabulary().is_object()) {
    const auto found = vocabulary().find(token);
    return found == vocabulary().end() ? std::nullopt : std::optional(id_in(*found, place_));
  }
  std::int32_t id = 0;
  for (const SortedJson& piece : vocabulary()) {
    if (piece.is_array() && !piece.empty() && piece[0] == token) return id;
    ++id;
  }
  return std::nullopt;
}

}  // namespace clipq
