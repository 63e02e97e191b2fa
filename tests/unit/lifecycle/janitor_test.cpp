#include "lifecycle/janitor.hpp"

#include <gtest/gtest.h>

#include "support/connect_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class JanitorTest : public ConnectBench {
 protected:
  SweepReport sweep(Retention retention = {}) {
    Janitor janitor{store, clock, metrics, *log, retention};
    const auto report = run(executor, janitor.sweep());
    EXPECT_TRUE(report);
    return report.value_or(SweepReport{});
  }
  ConnectionId revoked() {
    const auto id = imported("a-1").id;
    EXPECT_TRUE(revoke(id));
    fake.answer(200, "");
    work_off_outbox();
    EXPECT_EQ(row(id).status, Status::revoked);
    world().revoker.stop();  // it would look into the outbox for years
    executor.run_until_idle();
    return id;
  }
  Metrics metrics;
};

TEST_F(JanitorTest, sessions_go_a_day_after_their_end) {
  options.max_pending_per_tenant = 5000;
  for (int i = 0; i < 2500; ++i) ASSERT_TRUE(start(request()));
  executor.advance(24h);
  EXPECT_EQ(sweep().sessions, 0) << "kept for a day from their expiry";
  executor.advance(10min + 1ms);
  EXPECT_EQ(sweep().sessions, 2500) << "more than one batch";
  EXPECT_EQ(sweep().sessions, 0);
}

TEST_F(JanitorTest, revoked_connections_go_after_their_time_and_live_ones_stay) {
  const auto dead = revoked();
  const auto alive = imported("a-2").id;
  executor.advance(24h * 30);
  EXPECT_EQ(sweep().connections, 0);
  executor.advance(1ms);
  EXPECT_EQ(sweep().connections, 1);
  EXPECT_FALSE(run(executor, sqlite->connection(dead)));
  EXPECT_EQ(row(alive).status, Status::active);
}

TEST_F(JanitorTest, what_is_to_be_kept_for_ever_is_kept) {
  revoked();
  ASSERT_TRUE(start(request()));
  ASSERT_TRUE(run(executor, sqlite->append_audit({AuditEntry{.at = clock.now(), .action = "a", .result = "ok"}})));
  executor.advance(24h * 365 * 20);
  const Retention for_ever{.sessions = std::nullopt,
                           .revoked_connections = std::nullopt,
                           .audit = std::nullopt,
                           .events = std::nullopt,
                           .idempotency = std::nullopt};
  const auto kept = sweep(for_ever);
  EXPECT_EQ(kept.sessions + kept.connections + kept.audit + kept.events, 0);
  const auto swept = sweep();
  EXPECT_EQ(swept.sessions, 1);
  EXPECT_EQ(swept.connections, 1);
  EXPECT_EQ(swept.audit, 1);
  EXPECT_EQ(swept.events, 3) << "imported, revoking, revoked";
}

TEST_F(JanitorTest, sweeps_every_hour_until_it_is_stopped) {
  Janitor janitor{store, clock, metrics, *log, {}};
  spawn(executor, janitor.run());  // ends after `stop`
  executor.advance(3h);
  EXPECT_EQ(store.calls("sweep"), 4) << "at once, and after each hour";
  janitor.stop();
  executor.run_until_idle();
  executor.advance(3h);
  EXPECT_EQ(store.calls("sweep"), 4);
  EXPECT_EQ(executor.timers(), 0U);
}

TEST_F(JanitorTest, a_store_that_fails_is_tried_again_an_hour_later) {
  Janitor janitor{store, clock, metrics, *log, {}};
  store.fail_next("sweep");
  spawn(executor, janitor.run());  // ends after `stop`
  executor.run_until_idle();
  EXPECT_TRUE(lines.contains("sweep_failed"));
  executor.advance(1h);
  EXPECT_EQ(store.calls("sweep"), 2);
  janitor.stop();
  executor.run_until_idle();
}

}  // namespace
}  // namespace evergrant::test
