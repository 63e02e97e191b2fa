#include <gtest/gtest.h>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class RefreshTest : public RefreshBench {};

TEST_F(RefreshTest, a_valid_token_is_served_without_asking_the_provider) {
  connect("con_1");
  EXPECT_EQ(text(read("con_1")), "at-con_1-1");
  EXPECT_EQ(provider->token_requests, 0);
}

TEST_F(RefreshTest, sixty_four_readers_at_the_moment_of_expiry_cause_one_request) {
  connect("con_1");
  provider->latency = 200ms;
  let_pass(1h);
  std::vector<std::shared_ptr<Reading>> readers;
  for (int i = 0; i < 64; ++i) readers.push_back(start_read("con_1"));
  let_pass(1s);
  for (const auto& reader : readers) {
    ASSERT_TRUE(reader->result);
    EXPECT_EQ(text(*reader->result), "at-con_1-2");
  }
  EXPECT_EQ(provider->token_requests, 1);
  EXPECT_EQ(row("con_1").generation, 2);
}

}  // namespace
}  // namespace evergrant::test
