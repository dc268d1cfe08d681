#include "clipq/text/added_tokens.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "clipq/text/unicode.h"

namespace clipq {
namespace {

unsigned char first_byte(const AddedToken& token) {
  return static_cast<unsigned char>(token.text.front());
}

/// Where white space that ends at `end` begins, at `begin` or behind it.
std::size_t spaces_before(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t found = end;
  for (std::size_t i = end; i > begin;) {
    do --i;
    while (i > begin && (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80);
    const std::u32string character = to_utf32(text.substr(i, found - i));
    if (character.size() != 1 || !is_white_space(character.front())) break;
    found = i;
  }
  return found;
}

std::size_t spaces_behind(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  while (end < text.size()) {
    std::size_t next = end + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0U) == 0x80) ++next;
    const std::u32string character = to_utf32(text.substr(end, next - end));
    if (character.size() != 1 || !is_white_space(character.front())) break;
    end = next;
  }
  return end;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)), starts_() {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.text.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) {
    return std::make_tuple(first_byte(a), b.text.size()) <
           std::make_tuple(first_byte(b), a.text.size());
  });
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    auto& [begin, end] = starts_[first_byte(tokens_[i])];
    if (end == 0) begin = i;
    end = i + 1;
  }
}

const AddedToken* AddedTokens::find(std::string_view text, std::size_t begin) const {
  const auto& [first, last] = starts_[static_cast<unsigned char>(text[begin])];
  for (std::size_t i = first; i < last; ++i) {
    if (text.substr(begin).starts_with(tokens_[i].text)) return &tokens_[i];
  }
  return nullptr;
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text) const {
  std::vector<Part> parts;
  std::size_t rest = 0;  // where what isn't in a part yet begins
  for (std::size_t i = 0; i < text.size() && !tokens_.empty();) {
    const AddedToken* token = find(text, i);
    if (token == nullptr) {
      ++i;
      continue;
    }
    const std::size_t begin = token->strips_left ? spaces_before(text, rest, i) : i;
    const std::size_t past = i + token->text.size();
    const std::size_t end = token->strips_right ? spaces_behind(text, past) : past;
    if (begin > rest) parts.push_back({text.substr(rest, begin - rest), std::nullopt});
    parts.push_back({text.substr(begin, end - begin), token->id});
    rest = i = end;
  }
  if (rest < text.size()) parts.push_back({text.substr(rest), std::nullopt});
  return parts;
}

}  // namespace clipq
