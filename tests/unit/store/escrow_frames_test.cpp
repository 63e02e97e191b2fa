// Every cut and every flipped bit of an escrow file: what was whole is read, what was not is never taken for an answer.
#include "store/escrow_frames.hpp"

#include <gtest/gtest.h>

#include "crypto/hash.hpp"

namespace evergrant::test {
namespace {

EscrowedAnswer framed_answer(const std::string& name) {
  return {.attempt = AttemptId{"att_" + name},
          .fence = 7,
          .connection = ConnectionId{"con_" + name},
          .generation = 41,
          .at = from_epoch_ms(1'767'225'600'123),
          .answer = Sealed{std::string{"sealed\0bytes of ", 16} + name}};
}

TEST(EscrowFrames, what_was_written_is_read_in_order) {
  const std::string file =
      escrow_head({.store = "s", .owner = "node_1"}) + answer_frame(framed_answer("a")) + answer_frame(framed_answer("b"));
  const auto reading = read_escrow(file);
  EXPECT_EQ(reading.pending, (std::vector{framed_answer("a"), framed_answer("b")}));
  EXPECT_TRUE(reading.damage.empty());
  EXPECT_EQ(reading.end, file.size());
  EXPECT_EQ(read_escrow_head(file).owner, "node_1");
}

TEST(EscrowFrames, what_is_done_is_left_out_and_a_repetition_counts_once) {
  const std::string file = escrow_head({.store = "s", .owner = "n"}) + answer_frame(framed_answer("a")) +
                           answer_frame(framed_answer("a")) + answer_frame(framed_answer("b")) +
                           done_frame(AttemptId{"att_a"});
  EXPECT_EQ(read_escrow(file).pending, std::vector{framed_answer("b")});
}

TEST(EscrowFrames, a_tail_that_a_crash_cut_is_torn_at_every_length) {
  const std::string whole = escrow_head({.store = "s", .owner = "n"}) + answer_frame(framed_answer("a"));
  const std::string last = answer_frame(framed_answer("b"));
  for (std::size_t length = 1; length < last.size(); ++length) {
    const auto reading = read_escrow(whole + last.substr(0, length));
    EXPECT_EQ(reading.pending, std::vector{framed_answer("a")}) << length;
    EXPECT_TRUE(reading.damage.empty()) << length;
    EXPECT_EQ(reading.end, whole.size()) << length;
  }
}

TEST(EscrowFrames, blocks_that_were_never_written_are_torn) {
  const std::string whole = escrow_head({.store = "s", .owner = "n"}) + answer_frame(framed_answer("a"));
  const std::string last = answer_frame(framed_answer("b"));
  for (const std::string& tail : {std::string(4096, '\0'), last.substr(0, 20) + std::string(last.size() - 20, '\0')}) {
    const auto reading = read_escrow(whole + tail);
    EXPECT_TRUE(reading.damage.empty());
    EXPECT_EQ(reading.end, whole.size());
  }
}

TEST(EscrowFrames, each_flipped_bit_in_the_middle_costs_that_record_alone_and_is_said) {
  const std::string head = escrow_head({.store = "s", .owner = "n"});
  const std::string damaged = answer_frame(framed_answer("b"));
  for (std::size_t byte = 0; byte < damaged.size(); ++byte) {
    for (const int bit : {0, 3, 7}) {
      std::string middle = damaged;
      middle[byte] = static_cast<char>(middle[byte] ^ (1 << bit));
      const auto reading = read_escrow(head + answer_frame(framed_answer("a")) + middle + answer_frame(framed_answer("c")));
      EXPECT_EQ(reading.pending, (std::vector{framed_answer("a"), framed_answer("c")})) << byte << '.' << bit;
      ASSERT_EQ(reading.damage.size(), 1U) << byte << '.' << bit;
      EXPECT_EQ(reading.damage[0].bytes, middle.size()) << byte << '.' << bit;
    }
  }
}

TEST(EscrowFrames, a_last_record_that_is_all_there_and_altered_is_damage_and_no_torn_tail) {
  std::string file = escrow_head({.store = "s", .owner = "n"}) + answer_frame(framed_answer("a"));
  file[file.size() - 3] = static_cast<char>(file[file.size() - 3] ^ 1);
  const auto reading = read_escrow(file);
  EXPECT_TRUE(reading.pending.empty());
  EXPECT_EQ(reading.damage.size(), 1U);
  EXPECT_EQ(reading.end, file.size());
}

TEST(EscrowFrames, a_torn_or_altered_head_names_nobody_and_costs_no_answer) {
  const std::string file = escrow_head({.store = "s", .owner = "node_1"}) + answer_frame(framed_answer("a"));
  for (std::size_t byte = 0; byte < escrow_head_bytes; ++byte) {
    std::string altered = file;
    altered[byte] = static_cast<char>(altered[byte] ^ 4);
    EXPECT_EQ(read_escrow_head(altered).owner, "") << byte;
    EXPECT_EQ(read_escrow_head(altered).store, "") << byte;
    EXPECT_EQ(read_escrow(altered).pending.size(), 1U) << byte;
  }
  EXPECT_EQ(read_escrow_head(file.substr(0, 60)).owner, "");
  EXPECT_TRUE(read_escrow(file.substr(0, 60)).pending.empty());
  EXPECT_TRUE(read_escrow("").pending.empty());
}

TEST(EscrowFrames, bytes_of_an_answer_that_look_like_a_frame_are_not_one) {
  EscrowedAnswer outer = framed_answer("outer");
  outer.answer = Sealed{answer_frame(framed_answer("inner"))};
  EXPECT_EQ(read_escrow(escrow_head({.store = "s", .owner = "n"}) + answer_frame(outer)).pending, std::vector{outer});
}

// Format 1: the mark, the owner, zeros, the checksum of what is before it. Written out, so that it cannot change with the
// code.
std::string head_of_format_1() {
  std::string head = "evergrant escrow 1\n";
  head += std::string{"\x06\0\0\0", 4} + "node_1";
  head.resize(112, '\0');
  return head + sha256(head).substr(0, 16);
}

TEST(EscrowFrames, a_file_of_the_first_format_is_read_and_names_no_store) {
  const std::string file = head_of_format_1() + answer_frame(framed_answer("a"));
  EXPECT_EQ(escrow_kind(file), EscrowKind::ours);
  EXPECT_EQ(read_escrow_head(file).owner, "node_1");
  EXPECT_EQ(read_escrow_head(file).store, "");
  EXPECT_EQ(read_escrow(file).pending, std::vector{framed_answer("a")});
}

TEST(EscrowFrames, a_head_names_the_store_and_cuts_a_long_owner_alone) {
  const std::string head = escrow_head({.store = std::string(32, 's'), .owner = std::string(200, 'o')});
  EXPECT_EQ(head.size(), escrow_head_bytes);
  EXPECT_EQ(read_escrow_head(head).store, std::string(32, 's'));
  EXPECT_TRUE(read_escrow_head(head).owner.starts_with("oooooooooooooooooooooooooooo"));
}

TEST(EscrowFrames, what_begins_otherwise_is_newer_or_foreign) {
  EXPECT_EQ(escrow_kind("evergrant escrow 3\n..."), EscrowKind::newer);
  EXPECT_EQ(escrow_kind("evergrant escrow 2"), EscrowKind::ours) << "cut short";
  EXPECT_EQ(escrow_kind(""), EscrowKind::ours);
  EXPECT_EQ(escrow_kind("SQLite format 3"), EscrowKind::foreign);
}

TEST(EscrowFrames, owners_are_named_once_until_they_are_settled) {
  const std::string file = escrow_head({.store = "s", .owner = "node_1"}) + owner_frame("node_0") + owner_frame("node_1") +
                           answer_frame(framed_answer("a")) + owner_frame("node_2");
  EXPECT_EQ(read_escrow(file).owners, (std::vector<std::string>{"node_1", "node_0", "node_2"}));
  EXPECT_EQ(read_escrow(file + settled_frame("node_0")).owners, (std::vector<std::string>{"node_1", "node_2"}));
  EXPECT_EQ(read_escrow(file).pending.size(), 1U);
}

}  // namespace
}  // namespace evergrant::test
