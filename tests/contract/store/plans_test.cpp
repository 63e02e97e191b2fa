// No operation's cost may grow with the number of connections: what SQLite plans for every statement that the store runs.
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "contract/store/store_contract.hpp"

namespace evergrant::test {
namespace {

// The text of every statement that any connection of this process runs, while it lives.
class StatementLog {
 public:
  StatementLog() {
    texts().clear();
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&attach));
  }
  StatementLog(const StatementLog&) = delete;
  StatementLog& operator=(const StatementLog&) = delete;
  ~StatementLog() { sqlite3_reset_auto_extension(); }

  static std::set<std::string> take() { return std::exchange(texts(), {}); }

 private:
  static std::set<std::string>& texts() {
    static std::set<std::string> all;
    return all;
  }
  static int attach(sqlite3* database, char**, const sqlite3_api_routines*) {
    return sqlite3_trace_v2(
        database, SQLITE_TRACE_STMT,
        [](unsigned, void*, void* statement, void*) {
          texts().insert(sqlite3_sql(static_cast<sqlite3_stmt*>(statement)));
          return 0;
        },
        nullptr);
  }
};

// What looks costly in a plan and is not.
struct Bounded {
  std::string_view statement, why;
};
constexpr std::array bounded{
    Bounded{"FROM attempts WHERE connection = ?", "those of one connection: most often none"},
    Bounded{"FROM attempts ORDER BY sent_at", "those that are open: as many as there are refreshes under way"},
    Bounded{"FROM attempts JOIN connections", "the same"},
    Bounded{"FROM sealing_keys WHERE tenant = ?", "those of one tenant"},
    Bounded{"ORDER BY sequence LIMIT ?", "the oldest, in the order of the table itself"},
};
bool is_bounded(const std::string& sql) {
  return std::ranges::any_of(bounded, [&](const Bounded& one) { return sql.find(one.statement) != std::string::npos; });
}

class Plans : public ::testing::Test {
 protected:
  Plans() {
    store = std::move(*open_sqlite_store({.path = folder.file("store.db"), .inline_execution = true}, *log));
    (void)StatementLog::take();  // what opening did
  }
  template <class T>
  void did(Task<Result<T>> task) {
    (void)run(executor, std::move(task));
  }

  // The steps of the plans that read a whole table or index, or sort.
  std::vector<std::string> costly() {
    sqlite3* database = nullptr;
    sqlite3_open(folder.file("store.db").c_str(), &database);
    std::vector<std::string> found;
    for (const auto& sql : StatementLog::take()) {
      sqlite3_stmt* plan = nullptr;
      if (sqlite3_prepare_v2(database, ("EXPLAIN QUERY PLAN " + sql).c_str(), -1, &plan, nullptr) != SQLITE_OK) continue;
      while (sqlite3_step(plan) == SQLITE_ROW) {
        const std::string step{reinterpret_cast<const char*>(sqlite3_column_text(plan, 3))};
        if (is_bounded(sql)) continue;
        if (step.starts_with("SCAN ") || step.find("TEMP B-TREE") != std::string::npos) found.push_back(step + ": " + sql);
      }
      sqlite3_finalize(plan);
    }
    sqlite3_close(database);
    return found;
  }
  void expect_cheap() {
    for (const auto& step : costly()) ADD_FAILURE() << step;
  }

  TemporaryFolder folder;
  VirtualClock clock;
  VirtualExecutor executor{clock};
  std::unique_ptr<Log> log = Log::silent();
  StatementLog statements;
  std::unique_ptr<Store> store;
  Connection connection = some_connection("con_1", "realm-1");
};

TEST_F(Plans, a_refresh_finds_its_rows_by_an_index) {
  did(store->create(connection, some_event("connected", connection)));
  did(store->connection(connection.id));
  did(store->claim(connection.id, 1, "node", at(10), at(70), some_attempt("att_1", connection)));
  did(store->renew(connection.id, 1, at(90)));
  did(store->keep_answer(AttemptId{"att_1"}, 1, Sealed{"answer"}));
  did(store->commit(connection.id, 1, 1, 1, some_update(), some_event("refreshed", connection)));
  did(store->claim(connection.id, 2, "node", at(10), at(70), some_attempt("att_2", connection)));
  did(store->record_failure(connection.id, 2, Failure{}, Status::active, "", at(99), false, some_event("x", connection)));
  did(store->claim(connection.id, 2, "node", at(10), at(70), some_attempt("att_3", connection)));
  did(store->record_failure(connection.id, 3, Failure{}, Status::reauth_required, "", at(99), false, {}));
  did(store->release(connection.id, 3));
  did(store->end_attempt(AttemptId{"att_3"}));
  did(store->touch({{connection.id, at(20)}}));
  did(store->sharing(connection.registration, "grant"));
  expect_cheap();
}

TEST_F(Plans, the_scheduler_reads_what_it_is_given_and_no_more) {
  did(store->create(connection, {}));
  did(store->due(connection.registration, at(9999), 100));
  did(store->move_due({{connection.id, at(3000), at(4000)}}, at(10)));
  did(store->free_leases("node"));
  did(store->ending(GrantEnd::idle, at(10), 24h, "", 100));
  did(store->ending(GrantEnd::absolute, at(10), 24h, "", 100));
  did(store->outbox_due(at(10), 100));
  did(store->unresolved_attempts(100));
  expect_cheap();
}

TEST_F(Plans, lists_are_read_in_the_order_of_an_index) {
  did(store->connections({}, "", 100));
  did(store->connections({.tenant = TenantId{"acme"}}, "", 100));
  did(store->connections({.registration = RegistrationId{"books"}}, "", 100));
  did(store->connections({.status = Status::quarantined}, "", 100));
  did(store->connection_of(RegistrationId{"books"}, RealmId{"realm-1"}));
  did(store->outbox_of(connection.id));
  did(store->tenant_keys(TenantId{"acme"}));
  did(store->caller_by_key_hash("hash"));
  // A page of the oldest: by age, from the index's beginning.
  const auto found = costly();
  for (const auto& step : found) EXPECT_NE(step.find("USING INDEX connections_by_age"), std::string::npos) << step;
}

TEST_F(Plans, derived_callers_are_made_counted_and_revoked_by_an_index) {
  Caller parent;
  parent.id = CallerId{"cal_1"};
  did(store->create_caller(parent));
  Caller child;
  child.id = CallerId{"cal_2"};
  child.key_hash = "hash";
  child.expires_at = at(50);
  child.ancestors = {{.id = parent.id, .name = ""}};
  did(store->derive_caller(child, 10));
  did(store->caller_by_key_hash("hash"));
  did(store->revoke_caller(parent.id, at(3)));
  // Through the family alone, of which a step is a row of the recursion.
  for (const auto& step : costly()) EXPECT_TRUE(step.starts_with("SCAN family")) << step;
}

TEST_F(Plans, counting_for_metrics_reads_an_index_of_all_connections_and_nothing_else) {
  did(store->create(connection, {}));
  did(store->stats(at(9999)));
  const auto found = costly();
  for (const auto& step : found) {
    if (step.find("connections_of_main") != std::string::npos) continue;  // of further token pairs, which are few
    EXPECT_TRUE(step.find("COUNT(*)") != std::string::npos && step.find("COVERING INDEX") != std::string::npos) << step;
  }
}

TEST_F(Plans, the_janitor_reads_no_more_than_it_may_remove) {
  did(store->create(connection, {}));
  did(store->sweep({.sessions = at(10),
                    .revoked_connections = at(10),
                    .audit = at(10),
                    .events = at(10),
                    .idempotency = at(10),
                    .derived_callers = at(10)},
                   100));
  expect_cheap();
}

}  // namespace
}  // namespace evergrant::test
