#include "clipq/report/html_report.h"

#include <gmock/gmock.h>

#include "awkward_text.h"
#include "clipq/report/report_document.h"
#include "measured_results.h"

namespace clipq::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ScriptSafeJson, ComesBackTheSameAndCannotEndTheScript) {
  const Json json = {{kAwkward, kAwkward}};
  const std::string text = script_safe_json(json);
  EXPECT_EQ(parse_json(text, "test"), json);
  for (const char* dangerous : {"<", ">", "&", "\u2028", "\u2029", "\n"}) {
    EXPECT_THAT(text, Not(HasSubstr(dangerous)));
  }
}

TEST(ScriptSafeJson, TakesBytesThatAreNotUtf8) {
  EXPECT_EQ(parse_json(script_safe_json({{"name", "a\xff"}}), "test")["name"], "a\ufffd");
}

TEST(HtmlText, EscapesWhatMarksUp) {
  EXPECT_EQ(html_text("<a href=\"x\">'&'</a> 🐱"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt; 🐱");
}

TEST(HtmlReport, PutsDataInOnceAndLooksForNothingInIt) {
  Result result = with_outcomes(kInt8, 1, 2);
  result.model.path = kAwkward;
  const std::string page =
      html_report(report_document({with_outcomes(kBase, 1, 2), result}, kAwkward));
  EXPECT_THAT(page, ::testing::StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, Not(HasSubstr("<img src=x")));
  EXPECT_THAT(page, HasSubstr("<title>a &quot;b&quot;"));
  EXPECT_THAT(page, HasSubstr("{{title}}</title>"));
  EXPECT_THAT(page, HasSubstr("Apache License"));
  EXPECT_THAT(page, Not(HasSubstr("\"outcomes\"")));
  const std::size_t begin = page.find("id=\"data\">") + 10;
  const Json data = parse_json(page.substr(begin, page.find("</script>", begin) - begin), "page");
  EXPECT_EQ(data["title"], kAwkward);
  EXPECT_EQ(data["models"][1]["model"]["path"], kAwkward);
}

}  // namespace
}  // namespace clipq::testing
