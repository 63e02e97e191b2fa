#include "store/migrations.hpp"

#include <gtest/gtest.h>

#include "store/sqlite.hpp"

namespace evergrant::test {
namespace {

void insert_connection(Database& database, const std::string& id, int generation, int fence, const std::string& owner) {
  database.execute(
      "INSERT INTO connections (id, registration, tenant, realm, status, reason, generation, access_token, refresh_token, "
      "sealed_extras, access_key, refresh_key, extras_key, token_type, scope, missing_scope, extras, issuer, subject, "
      "upstream_grant, lease_owner, lease_fence, failure_class, failure_count, failure_code, failure_correlation, "
      "created_at, "
      "updated_at) VALUES (?, 'books', 'acme', ?, 'active', '', ?, '', '', '', '', '', '', '', '[]', '[]', '{}', '', '', "
      "'', ?, "
      "?, 'none', 0, '', '', 0, 0)",
      id, id, generation, owner, fence);
}

void insert_attempt(Database& database, const std::string& connection, int generation, int fence) {
  database.execute(
      "INSERT INTO attempts (id, connection, registration, generation, fence, sent_at, answer, answer_key) VALUES (?, ?, "
      "'books', ?, ?, 0, '', '')",
      connection + std::to_string(fence), connection, generation, fence);
}

std::int64_t tokens_fence(Database& database, const std::string& id) {
  Statement rows = database.query("SELECT tokens_fence FROM connections WHERE id = ?", id);
  return rows.step() ? rows.integer(0) : -1;
}

TEST(Migrations, the_order_of_requests_is_taken_from_the_generations) {
  Database database{":memory:", {}};
  const auto steps = sqlite_migrations();
  for (const char* step : steps.first(4)) database.run_script(step);
  insert_connection(database, "idle", 3, 7, "");
  insert_connection(database, "sending", 3, 7, "node");  // where nothing rotates, without an attempt
  insert_connection(database, "open", 3, 7, "node");
  insert_attempt(database, "open", 2, 4);  // of a grant that was replaced
  insert_attempt(database, "open", 3, 6);
  insert_attempt(database, "open", 3, 7);
  database.run_script(steps[4]);
  EXPECT_EQ(tokens_fence(database, "idle"), 7);
  EXPECT_EQ(tokens_fence(database, "sending"), 6);
  EXPECT_EQ(tokens_fence(database, "open"), 5);
}

TEST(Migrations, idle_ends_are_found_by_their_day_where_the_window_is_long) {
  Database database{":memory:", {}};
  const auto steps = sqlite_migrations();
  for (const char* step : steps.first(7)) database.run_script(step);
  for (const char* id : {"long", "short", "endless"}) insert_connection(database, id, 1, 1, "");
  database.execute(
      "UPDATE connections SET refresh_idle_expires_at = 864000005, last_refreshed_at = 172800000 WHERE id = 'long'");
  database.execute(
      "UPDATE connections SET refresh_idle_expires_at = 172800005, last_refreshed_at = 172800000 WHERE id = 'short'");
  database.run_script(steps[7]);
  EXPECT_EQ(number_of(database.query("SELECT idle_half FROM connections WHERE id = 'long'")), 6 * 172'800'000);
  EXPECT_EQ(number_of(database.query("SELECT idle_half FROM connections WHERE id = 'short'")), 345'600'005);
  EXPECT_EQ(number_of(database.query("SELECT COUNT(*) FROM connections WHERE idle_half IS NULL")), 1);
}

}  // namespace
}  // namespace evergrant::test
