#include "merges_document.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// OpenAI's order of ids, which merges alone determine: 256 symbols, the same at the ends of words,
/// one per merge, two special ones.
constexpr std::int64_t kSymbols = 512;

/// Throws InputError unless the vocabulary has the ids that the merges give.
void require_openai_order(const nlohmann::json& vocabulary, const std::string& merges,
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

/// Merges are lists of two, or "a b" in older files.
std::string merges_of_tokenizer(const nlohmann::json& model, const std::string& place) {
  std::string text = "#version: tokenizer.json\n";
  for (const auto& merge : model["merges"]) {
    if (merge.is_string()) {
      text += merge.get<std::string>();
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      text += cat(merge[0].get<std::string>(), " ", merge[1].get<std::string>());
    } else {
      throw InputError(cat(place, ": not a pair of symbols: ", merge.dump()));
    }
    text += "\n";
  }
  return text;
}

/// With sorted keys: tens of thousands in order of appearance take seconds to look up.
nlohmann::json sorted(const std::string& document, const std::string& place) {
  try {
    return nlohmann::json::parse(document);
  } catch (const nlohmann::json::exception&) {
    parse_json(document, place);  // says what is wrong
    throw InputError(cat(place, ": not valid JSON"));
  }
}

std::string read_tokenizer(const std::string& document, const std::string& place) {
  const nlohmann::json json = sorted(document, place);
  const nlohmann::json model =
      json.is_object() ? json.value("model", nlohmann::json()) : nlohmann::json();
  const bool is_bpe = model.is_object() && model.contains("merges") && model["merges"].is_array() &&
                      model.contains("vocab") && model["vocab"].is_object() &&
                      model.contains("end_of_word_suffix") && model["end_of_word_suffix"] == "</w>";
  if (!is_bpe) throw InputError(cat(place, ": not the tokenizer of a CLIP (BPE with \"</w>\")"));
  std::string merges = merges_of_tokenizer(model, place);
  require_openai_order(model["vocab"], merges, place);
  return merges;
}

}  // namespace

std::optional<std::string> merges_of(const std::map<std::string, std::string>& documents,
                                     const std::string& where) {
  if (const auto own = documents.find("bpe_vocab"); own != documents.end()) return own->second;
  const auto merges = documents.find("merges.txt");
  const auto tokenizer = documents.find("tokenizer.json");
  if (merges == documents.end()) {
    if (tokenizer == documents.end()) return std::nullopt;
    return read_tokenizer(tokenizer->second, where + ": tokenizer.json");
  }
  if (const auto vocabulary = documents.find("vocab.json"); vocabulary != documents.end()) {
    const std::string place = where + ": vocab.json";
    const nlohmann::json ids = sorted(vocabulary->second, place);
    if (!ids.is_object()) throw InputError(cat(place, ": expected an object"));
    require_openai_order(ids, merges->second, place);
  }
  return merges->second;
}

}  // namespace clipq
