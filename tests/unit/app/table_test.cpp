#include "app/table.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

TEST(Table, aligns_its_columns) {
  EXPECT_EQ(table({"id", "tenant", "status"}, {{"con_1", "a", "active"}, {"c", "acme", "revoked"}}),
            "id     tenant  status\n"
            "con_1  a       active\n"
            "c      acme    revoked\n");
}

TEST(Table, is_nothing_without_rows) { EXPECT_EQ(table({"id"}, {}), ""); }

TEST(Table, letters_beyond_ascii_take_one_place) {
  EXPECT_EQ(table({"name", "x"}, {{"größe", "1"}, {"a", "2"}}), "name   x\ngröße  1\na      2\n");
}

TEST(Table, what_others_wrote_cannot_move_the_cursor) {
  EXPECT_EQ(table({"a", "b"}, {{"x\x1B[2J\ny", "\u202Ez"}}), "a      b\nx[2Jy  z\n");
}

TEST(Table, a_wide_cell_is_cut_and_the_last_has_more_room) {
  const std::string wide(700, 'w');
  const auto text = table({"a", "b"}, {{wide, wide}});
  EXPECT_TRUE(text.contains("\n" + std::string(60, 'w') + "…  " + std::string(600, 'w') + "…\n")) << text;
}

TEST(Fields, aligns_values_and_leaves_out_the_empty) {
  EXPECT_EQ(fields({{"id", "con_1"}, {"a longer label that is empty", ""}, {"status", "active"}}),
            "id      con_1\nstatus  active\n");
  EXPECT_EQ(fields({}), "");
}

}  // namespace
}  // namespace evergrant
