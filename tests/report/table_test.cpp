#include "clipq/report/table.h"

#include <gtest/gtest.h>

#include "clipq/core/error.h"

namespace clipq {
namespace {

TEST(Table, AlignsByCodePointsWithoutTrailingBlanks) {
  Table table({{"name"}, {"ms", Align::kRight}, {"note"}});
  table.add_row({"caf\u00e9", "1.5", ""});
  table.add_row({"longer", "12.25", "x"});
  EXPECT_EQ(table.text(),
            "name       ms  note\n"
            "------  -----  ----\n"
            "caf\u00e9      1.5\n"
            "longer  12.25  x\n");
}

TEST(Table, WithoutRowsIsItsHeader) { EXPECT_EQ(Table({{"a"}, {"bc"}}).text(), "a  bc\n-  --\n"); }

TEST(Table, RefusesRowsOfAnotherLength) {
  Table table({{"a"}});
  EXPECT_THROW(table.add_row({"1", "2"}), InternalError);
}

}  // namespace
}  // namespace clipq
