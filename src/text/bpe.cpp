#include "clipq/text/bpe.h"

#include <sstream>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/text/unicode.h"
#include "pair_key.h"

namespace clipq {
namespace {

constexpr const char* kWordEnd = "</w>";
constexpr std::int32_t kBytes = 256;

/// The bytes whose Latin-1 character prints; these keep their code point in a merges file.
bool prints(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

/// The lines after the header, at most kMaxMerges, without empty ones at the end.
std::vector<std::string> merge_lines(std::string_view text, std::string& header) {
  std::istringstream stream{std::string(text)};
  std::getline(stream, header);
  std::vector<std::string> lines;
  for (std::string line; lines.size() < Bpe::kMaxMerges && std::getline(stream, line);) {
    lines.push_back(line);
  }
  while (!lines.empty() && lines.back().find_first_not_of(" \t\r") == std::string::npos) {
    lines.pop_back();
  }
  return lines;
}

struct Pair {
  std::string left;
  std::string right;
};

Pair parse_merge(const std::string& line, const std::string& place) {
  std::istringstream stream(line);
  Pair pair;
  std::string rest;
  if (!(stream >> pair.left >> pair.right) || stream >> rest) {
    throw InputError(cat(place, ": expected a merge, two symbols separated by a space, got \"",
                         line, "\"; pass a merges file in OpenAI's format"));
  }
  return pair;
}

void require_known(const std::unordered_map<std::string, std::int32_t>& symbols, const Pair& pair,
                   const std::string& place) {
  for (const std::string& symbol : {pair.left, pair.right}) {
    if (symbols.find(symbol) != symbols.end()) continue;
    throw InputError(cat(place, ": \"", symbol, "\" is neither a byte's symbol nor the result of ",
                         "an earlier merge; pass a merges file in OpenAI's format"));
  }
}

struct ByteSymbol {
  std::size_t byte;
  std::string symbol;
};

/// In the order of their ids.
std::vector<ByteSymbol> byte_symbols() {
  std::vector<ByteSymbol> all;
  for (const bool printing : {true, false}) {
    char32_t stand_in = kBytes;
    for (int byte = 0; byte < kBytes; ++byte) {
      if (prints(byte) != printing) continue;
      const char32_t character = printing ? static_cast<char32_t>(byte) : stand_in++;
      all.push_back({static_cast<std::size_t>(byte), to_utf8({&character, 1})});
    }
  }
  return all;
}

}  // namespace

void Bpe::add_bytes(Symbols& symbols) {
  std::int32_t next_id = 0;
  for (const auto& [byte, symbol] : byte_symbols()) {
    byte_ids_[byte] = next_id;
    symbols[symbol] = next_id;
    symbols[symbol + kWordEnd] = kBytes + next_id;
    ++next_id;
  }
}

Bpe::Bpe(std::string_view merges, const std::string& where) {
  const std::vector<std::string> lines = merge_lines(merges, text_);
  if (lines.empty()) {
    throw InputError(cat(where, ": no merges: expected a header line and one merge per line"));
  }
  text_ += '\n';
  Symbols symbols;
  add_bytes(symbols);
  std::vector<Pair> pairs;
  for (const std::string& line : lines) {
    const auto rank = static_cast<std::int32_t>(pairs.size());
    const std::string place = cat(where, ":", rank + 2);
    const Pair pair = parse_merge(line, place);
    require_known(symbols, pair, place);
    symbols[pair.left + pair.right] = 2 * kBytes + rank;
    text_ += pair.left + " " + pair.right + "\n";
    pairs.push_back(pair);
  }
  // Only now: a symbol that several merges produce has the id of the last one, as in the reference.
  std::int32_t rank = 0;
  for (const Pair& pair : pairs) {
    merges_[pair_key(symbols[pair.left], symbols[pair.right])] = {rank++,
                                                                  symbols[pair.left + pair.right]};
  }
  end_id_ = 2 * kBytes + rank + 1;
}

const Bpe::Merge* Bpe::find(std::int32_t left, std::int32_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

std::vector<std::string> Bpe::symbols() const {
  std::vector<std::string> all;
  for (const char* ending : {"", kWordEnd}) {
    for (const auto& [byte, symbol] : byte_symbols()) all.push_back(symbol + ending);
  }
  std::string header;
  for (std::string line : merge_lines(text_, header)) {
    line.erase(line.find(' '), 1);
    all.push_back(std::move(line));
  }
  return all;
}

void Bpe::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
  std::vector<std::int32_t> symbols;
  for (const char byte : word) symbols.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
  symbols.back() += kBytes;
  for (;;) {
    const Merge* best = nullptr;
    std::int32_t left = 0;
    std::int32_t right = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const Merge* merge = find(symbols[i], symbols[i + 1]);
      if (merge == nullptr || (best != nullptr && merge->rank >= best->rank)) continue;
      best = merge;
      left = symbols[i];
      right = symbols[i + 1];
    }
    if (best == nullptr) break;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < symbols.size(); ++kept) {
      const bool here = i + 1 < symbols.size() && symbols[i] == left && symbols[i + 1] == right;
      symbols[kept] = here ? best->id : symbols[i];
      i += here ? 2 : 1;
    }
    symbols.resize(kept);
  }
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

}  // namespace clipq
