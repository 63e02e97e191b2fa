#include "lifecycle/token_cache.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

class TokenCacheTest : public ::testing::Test {
 protected:
  CachedTokenPtr entry(const std::string& id, Generation generation = 1, Status status = Status::active) {
    Connection row;
    row.id = ConnectionId{id};
    row.registration = registration.id;
    row.realm = RealmId{"realm-" + id};
    row.generation = generation;
    row.status = status;
    row.tokens.access_token = Sealed{"sealed"};
    row.tokens.extras = Sealed{"extras"};
    return std::make_shared<CachedToken>(row, registration, Time{});
  }
  bool put(const CachedTokenPtr& what) { return cache.put(what, cache.ticket(what->connection.id)); }
  Generation generation_of(const std::string& id) {
    const auto found = cache.find(ConnectionId{id});
    return found ? found->connection.generation : 0;
  }

  Registration registration = some_registration();
  TokenCache cache{1000};
};

TEST_F(TokenCacheTest, only_the_same_or_a_newer_generation_replaces_an_entry) {
  EXPECT_TRUE(put(entry("con_1", 2)));
  EXPECT_FALSE(put(entry("con_1", 1)));
  EXPECT_EQ(generation_of("con_1"), 2);
  EXPECT_TRUE(put(entry("con_1", 3)));
  EXPECT_EQ(generation_of("con_1"), 3);
}

TEST_F(TokenCacheTest, ids_of_every_length_are_told_apart) {
  const std::string long_id = "con_" + std::string(60, 'a');
  Generation number = 0;
  for (const std::size_t size : {5U, 30U, 31U, 32U, 33U, 34U, 64U})
    EXPECT_TRUE(put(entry(long_id.substr(0, size), ++number)));
  const std::string other = long_id.substr(0, 32) + "b";  // as long as one of them, with the same beginning
  EXPECT_EQ(generation_of(other), 0);
  EXPECT_TRUE(put(entry(other, 100)));
  number = 0;
  for (const std::size_t size : {5U, 30U, 31U, 32U, 33U, 34U, 64U})
    EXPECT_EQ(generation_of(long_id.substr(0, size)), ++number);
  EXPECT_EQ(generation_of(other), 100);
  cache.forget(ConnectionId{other});
  EXPECT_EQ(generation_of(other), 0);
  EXPECT_EQ(generation_of(long_id.substr(0, 33)), 5);
}

TEST_F(TokenCacheTest, only_active_connections_are_kept) {
  for (const auto status : {Status::revoking, Status::revoked, Status::quarantined, Status::reauth_required}) {
    EXPECT_FALSE(put(entry("con_1", 1, status)));
  }
  EXPECT_EQ(generation_of("con_1"), 0);
}

TEST_F(TokenCacheTest, a_row_that_was_read_before_it_was_forgotten_is_not_taken) {
  const auto ticket = cache.ticket(ConnectionId{"con_1"});
  const auto read_before = entry("con_1");
  cache.forget(ConnectionId{"con_1"});
  EXPECT_FALSE(cache.put(read_before, ticket));
  EXPECT_EQ(generation_of("con_1"), 0);
  EXPECT_TRUE(put(read_before));
}

TEST_F(TokenCacheTest, forgetting_takes_the_realm_along) {
  put(entry("con_1"));
  EXPECT_TRUE(cache.find_realm(registration.id, RealmId{"realm-con_1"}));
  cache.forget(ConnectionId{"con_1"});
  EXPECT_FALSE(cache.find_realm(registration.id, RealmId{"realm-con_1"}));
}

TEST_F(TokenCacheTest, is_bounded_and_keeps_what_is_read) {
  TokenCache small{64 * 4};
  const auto put_small = [&](const std::string& id) { small.put(entry(id), small.ticket(ConnectionId{id})); };
  put_small("con_hot");
  std::size_t kept = 0;
  for (int i = 0; i < 5000; ++i) {
    put_small("con_" + std::to_string(i));
    ASSERT_TRUE(small.find(ConnectionId{"con_hot"})) << "after " << i;
  }
  for (int i = 0; i < 5000; ++i) kept += small.find(ConnectionId{"con_" + std::to_string(i)}) ? 1 : 0;
  EXPECT_LE(kept, 64U * 4U);
  EXPECT_GE(kept, 64U * 3U);
  EXPECT_FALSE(small.find_realm(registration.id, RealmId{"realm-con_0"}));
}

TEST_F(TokenCacheTest, the_extras_bytes_are_left_out) {
  put(entry("con_1"));
  EXPECT_TRUE(cache.find(ConnectionId{"con_1"})->connection.tokens.extras.empty());
}

TEST_F(TokenCacheTest, use_is_collected_once_with_the_latest_time) {
  cache.mark_used(ConnectionId{"con_1"}, from_epoch_ms(5));
  cache.mark_used(ConnectionId{"con_1"}, from_epoch_ms(3));
  EXPECT_EQ(cache.used_at(ConnectionId{"con_1"}), from_epoch_ms(5));
  const auto used = cache.take_used();
  ASSERT_EQ(used.size(), 1U);
  EXPECT_EQ(used[0].second, from_epoch_ms(5));
  EXPECT_TRUE(cache.take_used().empty());
}

TEST_F(TokenCacheTest, serves_many_threads) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 2000; ++i) {
        const std::string id = "con_" + std::to_string(i % 50);
        put(entry(id, i + 1));
        const auto found = cache.find(ConnectionId{id});
        EXPECT_TRUE(!found || found->connection.id.str() == id);
        const auto by_realm = cache.find_realm(registration.id, RealmId{"realm-" + id});
        EXPECT_TRUE(!by_realm || by_realm->str() == id);
        cache.mark_used(ConnectionId{id}, from_epoch_ms(i));
        if (t == 0 && i % 7 == 0) cache.forget(ConnectionId{id});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 50; ++i) put(entry("con_" + std::to_string(i), 5000));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(generation_of("con_" + std::to_string(i)), 5000);
}

}  // namespace
}  // namespace evergrant::test
