// The ways in which token managers are known to lose grants or fail their callers: what happens here instead, with the
// defaults of a configuration that says nothing.
#include <gtest/gtest.h>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class KnownLosses : public RefreshBench {};

TEST_F(KnownLosses, with_the_token_endpoint_down_a_token_that_is_valid_for_five_minutes_is_served) {
  connect("con_1");
  let_pass(55min);
  HttpResponse down;
  down.status = 503;
  provider->always = down;
  for (int minute = 0; minute < 4; ++minute) {
    for (int reader = 0; reader < 10; ++reader) EXPECT_EQ(text(read("con_1")), "at-con_1-1");
    let_pass(1min);
  }
  provider->always.reset();
  let_pass(2min);  // past the old token's end
  EXPECT_EQ(text(read("con_1")), "at-con_1-2") << "and nothing of the outage is left behind";
}

TEST_F(KnownLosses, an_answer_after_fourteen_seconds_costs_one_request_and_fails_nobody_who_waits_for_it) {
  profile(Rotation::always_strict);
  connect("con_1");
  others.push_back(make_engine(&node().executor));
  provider->latency = 14s;
  let_pass(1h);
  std::vector<std::shared_ptr<Reading>> readers;
  for (int i = 0; i < 50; ++i) {
    readers.push_back(start_read("con_1", {.deadline = 20s}));
    readers.push_back(std::make_shared<Reading>());
    spawn(node().executor, read_into(others[0]->service.token(ConnectionId{"con_1"}, {.deadline = 20s}), readers.back()));
    let_pass(100ms);
  }
  const auto impatient = start_read("con_1");
  let_pass(15s);
  EXPECT_EQ(text(*impatient->result), "at-con_1-2") << "the usual wait of ten seconds is enough for who came late";
  for (const auto& reader : readers) {
    ASSERT_TRUE(reader->result);
    EXPECT_EQ(text(*reader->result), "at-con_1-2");
  }
  EXPECT_EQ(provider->token_requests, 1);
  EXPECT_EQ(provider->reuses, 0);
}

TEST_F(KnownLosses, a_store_that_is_down_between_rotation_and_save_loses_nothing_even_if_the_process_dies) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  provider->after_acting = [this] { node().store.fail_all(true); };
  start_read("con_1");
  let_pass(1min);
  provider->after_acting = nullptr;
  crash();
  start_scheduler();
  let_pass(1min);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1);
  let_pass(1h);
  EXPECT_EQ(text(read("con_1")), "at-con_1-3");
  EXPECT_EQ(provider->reuses, 0);
}

}  // namespace
}  // namespace evergrant::test
