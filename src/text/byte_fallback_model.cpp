#include "clipq/text/byte_fallback_model.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <queue>
#include <tuple>
#include <unordered_set>

#include "clipq/core/error.h"
#include "clipq/core/sorted_json.h"
#include "clipq/core/strings.h"
#include "clipq/text/gzip.h"
#include "clipq/text/unicode.h"
#include "pair_key.h"

namespace clipq {
namespace {

/// A vocabulary with sorted keys: tens of thousands in order of appearance take seconds to look up.
using Ids = std::unordered_map<std::string, std::int32_t>;

class ByteFallbackEncoder final : public TokenEncoder {
 public:
  explicit ByteFallbackEncoder(const ByteFallbackModel& model) : model_(model) {}

  void encode(std::string_view cleaned, std::vector<std::int32_t>& ids) override {
    model_.encode(cleaned, ids);
  }

 private:
  const ByteFallbackModel& model_;
};

SortedJson parse_model(const std::string& text, const std::string& where) {
  SortedJson model = parse_sorted_json(text, where);
  const auto is = [&](const char* key, const SortedJson& value) {
    return model.is_object() && model.value(key, SortedJson()) == value;
  };
  if (!is("byte_fallback", true) || !model.contains("vocab") || !model["vocab"].is_object() ||
      !model.contains("merges") || !model["merges"].is_array()) {
    throw InputError(cat(where, ": not a BPE model with byte fallback"));
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix", "dropout"}) {
    if (!is(key, nullptr) && !is(key, "")) {
      throw InputError(
          cat(where, ": \"", key, "\" is ", model[key].dump(), ", which clipq doesn't support"));
    }
  }
  if (is("ignore_merges", true)) {
    throw InputError(cat(where, ": \"ignore_merges\" is true, which clipq doesn't support"));
  }
  return model;
}

std::string byte_piece(int byte) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  return {'<', '0', 'x', kDigits[byte / 16], kDigits[byte % 16], '>'};
}

Ids read_ids(const SortedJson& vocabulary, const std::string& where) {
  Ids ids;
  std::unordered_set<std::int64_t> seen;
  for (const auto& [piece, id] : vocabulary.items()) {
    const bool is_id = id.is_number_unsigned() &&
                       id.get<std::uint64_t>() < std::numeric_limits<std::int32_t>::max();
    if (!is_id) throw InputError(cat(where, ": \"", piece, "\" has the id ", id.dump()));
    if (!seen.insert(id.get<std::int64_t>()).second) {
      throw InputError(cat(where, ": two pieces have the id ", id.dump()));
    }
    ids[piece] = id.get<std::int32_t>();
  }
  return ids;
}

/// A list of two, or "a b" in older files.
std::pair<std::string, std::string> read_merge(const SortedJson& merge, const std::string& where) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  if (merge.is_string()) {
    const auto text = merge.get<std::string>();
    if (const std::size_t blank = text.find(' '); blank != std::string::npos) {
      return {text.substr(0, blank), text.substr(blank + 1)};
    }
  }
  throw InputError(cat(where, ": not a pair of pieces: ", merge.dump()));
}

std::int32_t id_of(const Ids& ids, const std::string& piece, const std::string& where) {
  const auto found = ids.find(piece);
  if (found != ids.end()) return found->second;
  throw InputError(cat(where, ": its vocabulary lacks \"", piece, "\", which its merges or its ",
                       "unk_token need"));
}

}  // namespace

/// The symbols of one text, merged best pair first; of equal pairs the leftmost.
class ByteFallbackModel::Merger {
 public:
  Merger(const ByteFallbackModel& model, std::vector<std::int32_t> symbols)
      : model_(model), ids_(std::move(symbols)), next_(ids_.size()), previous_(ids_.size()) {
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      next_[i] = i + 1;
      previous_[i] = i - 1;  // of the first: never used
    }
    for (std::size_t i = 0; i < ids_.size(); ++i) propose(i);
  }

  void append_to(std::vector<std::int32_t>& out) {
    while (!queue_.empty()) {
      const auto [rank, at, id] = queue_.top();
      queue_.pop();
      const Merge* merge = merge_at(at);
      if (merge == nullptr || merge->rank != rank) continue;  // one of the two has merged since
      ids_[at] = id;
      ids_[next_[at]] = kGone;
      next_[at] = next_[next_[at]];
      if (next_[at] < ids_.size()) previous_[next_[at]] = at;
      if (at > 0) propose(previous_[at]);
      propose(at);
    }
    for (const std::int32_t id : ids_) {
      if (id != kGone) out.push_back(id);
    }
  }

 private:
  using Candidate = std::tuple<std::int32_t, std::size_t, std::int32_t>;  // rank, position, id

  static constexpr std::int32_t kGone = -1;

  const Merge* merge_at(std::size_t at) const {
    if (ids_[at] == kGone || next_[at] >= ids_.size()) return nullptr;
    const auto found = model_.merges_.find(pair_key(ids_[at], ids_[next_[at]]));
    return found == model_.merges_.end() ? nullptr : &found->second;
  }

  void propose(std::size_t at) {
    if (const Merge* merge = merge_at(at)) queue_.emplace(merge->rank, at, merge->id);
  }

  const ByteFallbackModel& model_;
  std::vector<std::int32_t> ids_;
  std::vector<std::size_t> next_;
  std::vector<std::size_t> previous_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue_;
};

ByteFallbackModel::ByteFallbackModel(std::string_view model, const std::string& where)
    : packed_(is_gzip(model) ? std::string(model) : gzip(model)) {
  const SortedJson json =
      parse_model(is_gzip(model) ? gunzip(model, where) : std::string(model), where);
  const Ids ids = read_ids(json["vocab"], where);
  for (const auto& [piece, id] : ids) {
    size_ = std::max<std::int64_t>(size_, std::int64_t{id} + 1);
    const std::u32string characters = piece.size() <= 4 ? to_utf32(piece) : U"";
    if (characters.size() == 1) characters_[characters.front()] = id;
  }
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = ids.find(byte_piece(byte));
    if (found != ids.end()) bytes_[static_cast<std::size_t>(byte)] = found->second;
  }
  if (const SortedJson unknown = json.value("unk_token", SortedJson()); unknown.is_string()) {
    unknown_ = id_of(ids, unknown.get<std::string>(), where);
  }
  fuses_unknown_ = json.value("fuse_unk", SortedJson()) == true;
  std::int32_t rank = 0;
  for (const SortedJson& each : json["merges"]) {
    const auto [left, right] = read_merge(each, where);
    const Merge merge = {rank++, id_of(ids, left + right, where)};
    merges_[pair_key(id_of(ids, left, where), id_of(ids, right, where))] = merge;
  }
}

std::unique_ptr<TokenEncoder> ByteFallbackModel::encoder() const {
  return std::make_unique<ByteFallbackEncoder>(*this);
}

std::vector<std::int32_t> ByteFallbackModel::symbols_of(std::string_view text) const {
  std::vector<std::int32_t> symbols;
  for (const char32_t character : to_utf32(text)) {
    if (const auto found = characters_.find(character); found != characters_.end()) {
      symbols.push_back(found->second);
    } else {
      append_bytes(character, symbols);
    }
  }
  return symbols;
}

void ByteFallbackModel::append_bytes(char32_t character, std::vector<std::int32_t>& symbols) const {
  const std::size_t before = symbols.size();
  for (const char byte : to_utf8({&character, 1})) {
    if (const auto id = bytes_[static_cast<unsigned char>(byte)]) {
      symbols.push_back(*id);
      continue;
    }
    symbols.resize(before);
    const bool is_fused = fuses_unknown_ && before > 0 && symbols.back() == unknown_;
    if (unknown_ && !is_fused) symbols.push_back(*unknown_);
    return;
  }
}

void ByteFallbackModel::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  Merger(*this, symbols_of(text)).append_to(ids);
}

}  // namespace clipq
