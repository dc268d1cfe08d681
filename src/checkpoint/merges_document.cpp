#include "merges_document.h"

#include "clipq/core/error.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// Merges are lists of two, or "a b" in older files.
std::string merges_of_tokenizer(const std::string& document, const std::string& place) {
  const Json json = parse_json(document, place);
  const Json model = json.is_object() ? json.value("model", Json()) : Json();
  const bool is_bpe = model.is_object() && model.value("type", Json("BPE")) == "BPE" &&
                      model.value("end_of_word_suffix", Json()) == "</w>" &&
                      model.contains("merges") && model["merges"].is_array();
  if (!is_bpe) throw InputError(cat(place, ": not the tokenizer of a CLIP (BPE with \"</w>\")"));
  std::string text = "#version: tokenizer.json\n";
  for (const Json& merge : model["merges"]) {
    if (merge.is_string()) {
      text += merge.get<std::string>();
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      text += cat(merge[0].get<std::string>(), " ", merge[1].get<std::string>());
    } else {
      throw InputError(cat(place, ": a merge that is no pair: ", merge.dump()));
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::optional<std::string> merges_of(const std::map<std::string, std::string>& documents,
                                     const std::string& where) {
  for (const char* name : {"bpe_vocab", "merges.txt"}) {
    const auto found = documents.find(name);
    if (found != documents.end()) return found->second;
  }
  const auto found = documents.find("tokenizer.json");
  if (found == documents.end()) return std::nullopt;
  return merges_of_tokenizer(found->second, where + ": tokenizer.json");
}

}  // namespace clipq
