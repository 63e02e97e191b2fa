// What doctor says of a file of the escrow: no more than what has happened, and which file to remove.
#include "app/escrow_finding.hpp"

#include <gtest/gtest.h>

namespace evergrant::test {
namespace {

TEST(EscrowFinding, a_file_that_is_well_has_none) {
  EXPECT_FALSE(escrow_problem({.file = "/d/escrow", .answers = 3}, 100)) << "nobody has it: its next process makes room";
  EXPECT_FALSE(escrow_problem({.file = "/d/escrow", .in_use = true, .room = 100}, 100));
}

TEST(EscrowFinding, a_disk_without_room_is_said_while_a_process_counts_on_it) {
  const auto problem = escrow_problem({.file = "/d/escrow", .in_use = true, .room = 99}, 100);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->message.find("99 bytes of its 100"), std::string::npos) << problem->message;
}

TEST(EscrowFinding, damage_that_nobody_has_moved_yet_is_not_said_to_be_kept) {
  const auto problem = escrow_problem({.file = "/d/escrow", .damaged = 2, .set_aside = true}, 0);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->message.find("next start moves them to /d/escrow.damaged"), std::string::npos) << problem->message;
  EXPECT_EQ(problem->hint.find("remove"), std::string::npos) << problem->hint;
}

TEST(EscrowFinding, the_file_to_remove_is_the_one_with_what_was_set_aside) {
  const auto problem = escrow_problem({.file = "/d/escrow", .set_aside = true}, 0);
  ASSERT_TRUE(problem);
  EXPECT_TRUE(problem->hint.ends_with("Then remove /d/escrow.damaged")) << problem->hint;
}

TEST(EscrowFinding, a_file_that_is_no_escrow_is_not_to_be_removed) {
  const auto problem = escrow_problem(
      {.file = "/d/kek", .foreign = Error{Errc::invalid_argument, "is not an escrow", "move it away and keep it"}}, 0);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->hint.find("remove"), std::string::npos) << problem->hint;
}

}  // namespace
}  // namespace evergrant::test
