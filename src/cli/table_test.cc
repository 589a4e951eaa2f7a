// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <gtest/gtest.h>

#include "cli/operation.h"

namespace vireo {
namespace {

const std::vector<Column> columns{{"NAME"}, {"CPU", true, 2}, {"NOTE", false, 1}};
const std::vector<std::vector<std::string>> rows{{"a", "10 %", ""}, {"long-name", "5 %", "x"}};

TEST(Table, aligns_and_leaves_no_blanks_at_line_ends) {
  EXPECT_EQ(table_text(columns, rows, 0),
            "NAME         CPU   NOTE\n"
            "a           10 %\n"
            "long-name    5 %   x\n");
}

TEST(Table, the_least_needed_columns_leave_first) {
  EXPECT_EQ(table_text(columns, rows, 20), "NAME        NOTE\na\nlong-name   x\n");
  EXPECT_EQ(table_text(columns, rows, 3), "NAME\na\nlong-name\n");
}

TEST(Table, quantities) {
  EXPECT_EQ(milliseconds_text(0.354), "0.35 ms");
  EXPECT_EQ(milliseconds_text(1.44), "1.4 ms");
  EXPECT_EQ(milliseconds_text(38.2), "38 ms");
  EXPECT_EQ(milliseconds_text(2100), "2.1 s");
  EXPECT_EQ(rate_text(81200), "81.2 k");
  EXPECT_EQ(rate_text(12), "12");
  EXPECT_EQ(uptime_text(Json()), "-");
  EXPECT_EQ(uptime_text(Json(130.0)), "2m10s");
  EXPECT_EQ(uptime_text(Json(3.7)), "3s");
}

TEST(Table, phases) {
  auto phases =
      parse_json(R"([{"name":"ports","note":"pool","ms":0.21},{"name":"image","ms":31}])");
  EXPECT_EQ(phases_text(*phases), "(ports 0.2 pool  image 31)");
  EXPECT_EQ(phases_text(Json::array()), "");
}

}  // namespace
}  // namespace vireo
