// A token taken from memory straight into the reader's room.
#include <gtest/gtest.h>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class RoomFor final : public TokenTaker {
 public:
  explicit RoomFor(std::size_t most) : buffer(most, 'x') {}
  std::span<char> room(const Connection& row, std::size_t size) override {
    ++calls;
    tenant = row.tenant.str();
    if (size > buffer.size()) return {};
    buffer.resize(size);
    return buffer;
  }
  std::string buffer;
  std::string tenant;
  int calls = 0;
};

class TokenTakerTest : public RefreshBench {
 protected:
  TakenNow take(RoomFor& taker, ReadRequest request = {}) { return node().service.read_now("con_1", request, taker); }
};

TEST_F(TokenTakerTest, the_token_is_in_the_room_that_was_given) {
  connect("con_1");
  read("con_1");
  RoomFor taker{1000};
  EXPECT_EQ(take(taker), TakenNow::taken);
  EXPECT_EQ(taker.buffer, "at-con_1-1");
  EXPECT_EQ(taker.tenant, row("con_1").tenant.str());
}

TEST_F(TokenTakerTest, who_gives_no_room_is_given_nothing) {
  connect("con_1");
  read("con_1");
  RoomFor taker{3};
  EXPECT_EQ(take(taker), TakenNow::refused);
  EXPECT_EQ(taker.buffer, "xxx");
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
