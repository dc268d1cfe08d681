#include "clipq/text/clean_text.h"

#include "clipq/text/fix_text.h"
#include "clipq/text/html_unescape.h"
#include "clipq/text/unicode.h"

namespace clipq {
namespace {

std::u32string collapse_spaces(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  bool pending = false;
  for (const char32_t c : text) {
    if (is_space(c)) {
      pending = !out.empty();
      continue;
    }
    if (pending) out.push_back(U' ');
    pending = false;
    out.push_back(c);
  }
  return out;
}

}  // namespace

std::string clean_text(std::string_view text) {
  const std::u32string plain = html_unescape(html_unescape(fix_text(to_utf32(text))));
  return to_utf8(lower_case(collapse_spaces(plain)));
}

}  // namespace clipq
