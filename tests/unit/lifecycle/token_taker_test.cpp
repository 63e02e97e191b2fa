// A token taken from memory straight into the reader's room.
#include <gtest/gtest.h>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class RoomFor final : public TokenTaker {
 public:
  explicit RoomFor(std::size_t most) : buffer(most, 'x') {}
  std::span<char> room(const Connection& row, const OnceText& its_caption, std::size_t size) override {
    ++calls;
    caption = its_caption.get([&] { return "made by call " + std::to_string(++captions_made); });
    tenant = row.tenant.str();
    if (size > buffer.size()) return {};
    buffer.resize(size);
    return buffer;
  }
  bool admit() override { return admitted; }
  void opened(const Connection& row, const TokenMark& mark) override {
    generation = row.generation;
    stands_in_json = mark.stands_in_json();
  }
  std::string buffer;
  std::string tenant;
  std::string caption;
  Generation generation = 0;
  bool admitted = true;
  bool stands_in_json = false;
  int calls = 0;
  inline static int captions_made = 0;
};

class TokenTakerTest : public RefreshBench {
 protected:
  TakenNow take(RoomFor& taker, ReadRequest request = {}, std::string_view id = "con_1") {
    return node().service.read_now(id, request, clock.now(), taker);
  }
};

TEST(TokenMark, keeps_what_it_is_given_and_says_so_where_it_was_nothing) {
  for (const bool stands_in_json : {false, true}) {
    const TokenMark mark{"0123456789af", stands_in_json};
    EXPECT_TRUE(mark.is_there());
    EXPECT_EQ(TokenMark{mark.packed()}.fingerprint(), "0123456789af");
    EXPECT_EQ(TokenMark{mark.packed()}.stands_in_json(), stands_in_json);
    const TokenMark none{"", stands_in_json};
    EXPECT_FALSE(none.is_there());
    EXPECT_EQ(none.fingerprint(), "");
    EXPECT_EQ(none.stands_in_json(), stands_in_json);
  }
  EXPECT_EQ((TokenMark{"ffffffffffffffff", false}.fingerprint()), "ffffffffffff");
  EXPECT_FALSE((TokenMark{"ffffffffffffffff", false}.stands_in_json()));
}

TEST_F(TokenTakerTest, the_token_is_in_the_room_that_was_given) {
  connect("con_1");
  read("con_1");
  RoomFor taker{1000};
  EXPECT_EQ(take(taker), TakenNow::taken);
  EXPECT_EQ(taker.buffer, "at-con_1-1");
  EXPECT_EQ(taker.tenant, row("con_1").tenant.str());
}

TEST_F(TokenTakerTest, what_is_said_of_a_token_is_made_once_and_anew_for_the_next_token) {
  connect("con_1");
  read("con_1");
  RoomFor first{1000}, second{1000}, refreshed{1000};
  EXPECT_EQ(take(first), TakenNow::taken);
  EXPECT_EQ(take(second), TakenNow::taken);
  EXPECT_EQ(first.caption, second.caption);
  let_pass(1h);
  read("con_1");
  EXPECT_EQ(take(refreshed), TakenNow::taken);
  EXPECT_NE(refreshed.caption, first.caption);
  EXPECT_GT(refreshed.generation, first.generation);
}

TEST_F(TokenTakerTest, whether_a_token_stands_in_json_as_it_is_is_known_at_every_read) {
  connect("con_1");
  read("con_1");
  for (int i = 0; i < 2; ++i) {
    RoomFor taker{1000};
    EXPECT_EQ(take(taker), TakenNow::taken);
    EXPECT_TRUE(taker.stands_in_json);
  }
  store_grant("con_2", "books", "con_2", "with \"quotes\"", "rt");
  read("con_2");
  for (int i = 0; i < 2; ++i) {
    RoomFor taker{1000};
    EXPECT_EQ(take(taker, {}, "con_2"), TakenNow::taken);
    EXPECT_FALSE(taker.stands_in_json);
  }
}

TEST_F(TokenTakerTest, a_lease_says_by_what_its_token_is_known_however_it_was_read) {
  connect("con_1");
  const auto known_by = [&](std::string_view token) { return node().vault.fingerprint(token); };
  const auto from_store = read("con_1");
  ASSERT_TRUE(from_store);
  EXPECT_EQ(from_store->mark.fingerprint(), known_by("at-con_1-1"));
  for (int i = 0; i < 2; ++i) {
    const auto from_memory = node().service.read_now(ConnectionId{"con_1"}, {});
    ASSERT_TRUE(from_memory);
    EXPECT_EQ(from_memory->mark.fingerprint(), known_by("at-con_1-1"));
  }
  let_pass(31s);
  const auto forced = force("con_1");
  ASSERT_TRUE(forced);
  EXPECT_EQ(forced->mark.fingerprint(), known_by("at-con_1-2"));
}

TEST_F(TokenTakerTest, who_gives_no_room_is_given_nothing) {
  connect("con_1");
  read("con_1");
  RoomFor taker{3};
  EXPECT_EQ(take(taker), TakenNow::refused);
  EXPECT_EQ(taker.buffer, "xxx");
}

TEST_F(TokenTakerTest, who_is_not_admitted_is_asked_for_nothing) {
  connect("con_1");
  read("con_1");
  RoomFor taker{1000};
  taker.admitted = false;
  EXPECT_EQ(take(taker), TakenNow::refused);
  EXPECT_EQ(taker.calls, 0);
}

TEST_F(TokenTakerTest, nobody_is_asked_for_room_where_there_is_no_token_to_take) {
  connect("con_1");
  RoomFor taker{1000};
  EXPECT_EQ(take(taker), TakenNow::absent) << "not in memory yet";
  read("con_1");
  let_pass(1h);
  EXPECT_EQ(take(taker), TakenNow::absent) << "expired";
  read("con_1");
  EXPECT_EQ(take(taker), TakenNow::taken);
  node().service.forget(ConnectionId{"con_1"});
  EXPECT_EQ(take(taker), TakenNow::absent) << "forgotten";
  EXPECT_EQ(taker.calls, 1);
}

TEST_F(TokenTakerTest, one_that_was_shredded_is_not_taken) {
  connect("con_1");
  read("con_1");
  ASSERT_TRUE(run(node().executor, node().vault.shred_tenant(row("con_1").tenant)));
  RoomFor taker{1000};
  EXPECT_EQ(take(taker), TakenNow::absent);
}

TEST_F(TokenTakerTest, inside_the_advisory_margin_it_is_refreshed_behind) {
  connect("con_1");
  read("con_1");
  let_pass(54min + 30s);
  RoomFor taker{1000};
  read("con_1");
  EXPECT_EQ(take(taker), TakenNow::taken);
  let_pass(1min);
  RoomFor later{1000};
  EXPECT_EQ(take(later), TakenNow::taken);
  EXPECT_EQ(later.buffer, "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1);
}

}  // namespace
}  // namespace evergrant::test
