#include "clipq/report/markdown.h"

#include <gmock/gmock.h>

#include "awkward_text.h"
#include "measured_results.h"

namespace clipq::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MarkdownText, EscapesMarkupAndKeepsTheRest) {
  EXPECT_EQ(markdown_text("a|b"), "a\\|b");
  EXPECT_EQ(markdown_text("*a* _b_ `c` [d](e) #f"), "\\*a\\* \\_b\\_ \\`c\\` \\[d\\](e) \\#f");
  EXPECT_EQ(markdown_text("<b>&\"x\""), "&lt;b&gt;&amp;\"x\"");
  EXPECT_EQ(markdown_text("one\r\ntwo"), "one  two");
  EXPECT_EQ(markdown_text("back\\slash, 🐱 שלום"), "back\\\\slash, 🐱 שלום");
}

TEST(MarkdownTable, KeepsItsShapeWhateverCellsHold) {
  Table table({{"na|me"}, {"value", Align::kRight}});
  table.add_row({kAwkward, "1"});
  const std::string text = markdown_table(table);
  EXPECT_THAT(text, ::testing::StartsWith("| na\\|me | value |\n| --- | --: |\n| a \"b\""));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_THAT(text, Not(HasSubstr("<img")));
}

TEST(MarkdownReport, HasATableOfAccuraciesAndOneATask) {
  const std::string text =
      markdown_report({with_outcomes(kBase, 400, 600), with_outcomes(kInt8, 404, 596),
                       benched(kBase, 90), benched(kInt8, 45)},
                      "Title *x*");
  EXPECT_THAT(text, ::testing::StartsWith("# Title \\*x\\*\n\n| model | recipe |"));
  EXPECT_THAT(text, HasSubstr("| 59.60 | -0.40 \\[-0.88, +0.08\\] | 45.00 | 2.00x |"));
  EXPECT_THAT(text, HasSubstr("<details><summary>zeroshot_classification</summary>"));
  EXPECT_THAT(text, HasSubstr("<details><summary>bench</summary>"));
  EXPECT_THAT(text, HasSubstr("- Environment: CPU X, AVX2, 2 threads\n"));
}

}  // namespace
}  // namespace clipq::testing
