#include "clipq/text/clean_text.h"

#include <gmock/gmock.h>

#include "clipq/text/html_unescape.h"
#include "clipq/text/split_words.h"
#include "clipq/text/unicode.h"

namespace clipq {
namespace {

using ::testing::ElementsAre;

std::string cleaned(std::string_view text) { return clean_text(text, open_clip_lower()); }

std::string unescaped(const char* text) { return to_utf8(html_unescape(to_utf32(text))); }

std::string terminated_unescaped(const char* text) {
  return to_utf8(unescape_terminated_references(to_utf32(text)));
}

TEST(HtmlUnescape, ReadsReferencesAsHtml5Does) {
  EXPECT_EQ(unescaped("&amp; &ampx &notit; &notin;"), "& &x \u00ACit; \u2209");
  EXPECT_EQ(unescaped("&#233 &#xE9; &#150; &#0; &#xD800; &#11;."),
            "\u00E9 \u00E9 \u2013 \uFFFD \uFFFD .");
  EXPECT_EQ(unescaped("& &; &# &#x; &unknown; &am"), "& &; &# &#x; &unknown; &am");
  EXPECT_EQ(unescaped("&NotEqualTilde;"), "\u2242\u0338");
}

TEST(HtmlUnescape, CarefulVariantWantsTheSemicolon) {
  EXPECT_EQ(terminated_unescaped("&amp &amp; this&not that"), "&amp & this&not that");
  EXPECT_EQ(terminated_unescaped("P&EACUTE;REZ &SZLIG; &nTILDE;"), "P\u00C9REZ SS &nTILDE;");
  EXPECT_EQ(terminated_unescaped("&#59; &#12ab;"), "&#59; &#12ab;");
}

TEST(CleanText, RepairsCollapsesAndLowers) {
  EXPECT_EQ(
      cleaned(
          "  \uFF2C\uFF2F\uFF35\uFF24\u3000\u201CCaf\u0065\u0301\u201D\r\n\x1b[31m\uFB01n\x1b[0m "),
      "loud \"caf\u00E9\" fin");
  EXPECT_EQ(cleaned("\u039F\u0394\u039F\u03A3 \u0130"), "\u03BF\u03B4\u03BF\u03C2 i\u0307");
  EXPECT_EQ(cleaned("\t\n\u00A0"), "");
}

TEST(CleanText, KeepsZeroBytesOut) { EXPECT_EQ(cleaned(std::string_view("a\0b", 3)), "ab"); }

TEST(SplitWords, FollowsClipsPattern) {
  EXPECT_THAT(split_words("it's 42 cats... they'll", WordPattern::kOpenClip),
              ElementsAre("it", "'s", "4", "2", "cats", "...", "they", "'ll"));
  EXPECT_THAT(split_words("<end_of_text>!<end_of_text>", WordPattern::kOpenClip),
              ElementsAre("<end_of_text>", "!<", "end", "_", "of", "_", "text", ">"));
}

}  // namespace
}  // namespace clipq
