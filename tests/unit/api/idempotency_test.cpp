#include "api/idempotency.hpp"

#include <gtest/gtest.h>

#include "api/route.hpp"
#include "store/sqlite_store.hpp"
#include "testing/faulty_store.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class IdempotencyTest : public ::testing::Test {
 protected:
  IdempotencyTest() {
    const auto started = run(executor, vault.start());
    if (!started) throw std::logic_error(started.error().message);
  }
  static Call call(const std::string& body, const std::string& caller = "cal_1", std::string_view path = "/v1/connections") {
    Call made;
    made.request.method = "POST";
    made.request.path = path;
    made.request.body = body;
    made.route = match_route("POST", path).route;
    auto who = std::make_shared<Caller>();
    who->id = CallerId{caller};
    made.caller = who;
    return made;
  }
  static Reply reply() {
    return {.status = 201,
            .body = R"({"key":"egk_canary"})",
            .content_type = "application/json",
            .headers = {{"Location", "/v1/connections/con_1"}}};
  }
  Result<std::optional<Reply>> begin(const Call& made, const std::string& key = "k") {
    return run(executor, idempotency.begin(made, key));
  }
  // True if the request is the first with its key.
  bool is_first(const Call& made, const std::string& key = "k") {
    const auto begun = begin(made, key);
    return begun && !*begun;
  }
  Errc refusal(const Call& made, const std::string& key = "k") {
    const auto begun = begin(made, key);
    EXPECT_FALSE(begun);
    return begun ? Errc::internal : begun.error().code;
  }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  SystemRandom random;
  std::unique_ptr<Log> log = Log::silent();
  std::unique_ptr<Store> sqlite = std::move(*open_sqlite_store({.path = ":memory:", .inline_execution = true}, *log));
  FaultyStore store{*sqlite};
  std::unique_ptr<KekSource> kek = std::move(*make_local_kek(Secret{std::string(64, 'a')}, random));
  Vault vault{store, *kek, {}, clock, random, *log};
  Idempotency idempotency{store, vault, clock};
};

TEST_F(IdempotencyTest, the_same_request_gets_the_same_answer) {
  ASSERT_TRUE(is_first(call("{}")));
  ASSERT_TRUE(run(executor, idempotency.finish(call("{}"), "k", reply())));
  const auto again = begin(call("{}"));
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((*again)->status, 201);
  EXPECT_EQ((*again)->body, reply().body);
  EXPECT_EQ((*again)->content_type, "application/json");
  ASSERT_EQ((*again)->headers.size(), 2U);
  EXPECT_EQ((*again)->headers[0].second, "/v1/connections/con_1");
  EXPECT_EQ((*again)->headers[1].first, "Idempotency-Replayed");
}

TEST_F(IdempotencyTest, another_request_with_the_key_is_a_conflict) {
  ASSERT_TRUE(is_first(call("{}")));
  ASSERT_TRUE(run(executor, idempotency.finish(call("{}"), "k", reply())));
  EXPECT_EQ(refusal(call(R"({"a":1})")), Errc::conflict);
}

TEST_F(IdempotencyTest, a_request_in_progress_is_not_begun_again) {
  ASSERT_TRUE(is_first(call("{}")));
  EXPECT_EQ(refusal(call("{}")), Errc::conflict);
}

TEST_F(IdempotencyTest, a_failed_request_frees_its_key) {
  ASSERT_TRUE(is_first(call("{}")));
  ASSERT_TRUE(run(executor, idempotency.forget(call("{}"), "k")));
  EXPECT_TRUE(is_first(call(R"({"a":1})")));
}

TEST_F(IdempotencyTest, a_request_whose_process_died_may_be_repeated_after_a_while) {
  ASSERT_TRUE(is_first(call("{}")));
  store.fail_next("finish_idempotent");
  EXPECT_FALSE(run(executor, idempotency.finish(call("{}"), "k", reply())));
  EXPECT_EQ(refusal(call("{}")), Errc::conflict);
  executor.advance(6min);
  EXPECT_TRUE(is_first(call("{}")));
}

TEST_F(IdempotencyTest, callers_and_operations_do_not_share_keys) {
  ASSERT_TRUE(is_first(call("{}", "cal_1")));
  EXPECT_TRUE(is_first(call("{}", "cal_2")));
  EXPECT_TRUE(is_first(call("{}", "cal_1", "/v1/connect-sessions")));
}

TEST_F(IdempotencyTest, a_key_is_short_and_visible) {
  for (const auto& key :
       {std::string{}, std::string(201, 'a'), std::string{"a b"}, std::string{"a\n"}, std::string{"\xC3\xA9"}}) {
    EXPECT_EQ(refusal(call("{}"), key), Errc::invalid_argument) << key;
  }
  EXPECT_TRUE(is_first(call("{}"), std::string(200, 'a')));
}

TEST_F(IdempotencyTest, the_kept_answer_is_sealed) {
  ASSERT_TRUE(is_first(call("{}")));
  ASSERT_TRUE(run(executor, idempotency.finish(call("{}"), "k", reply())));
  EXPECT_GT(run(executor, sqlite->tenant_keys(TenantId{"@evergrant"})).value().size(), 0U);
  ASSERT_TRUE(run(executor, sqlite->shred_tenant_keys(TenantId{"@evergrant"})));
  Vault other{store, *kek, {}, clock, random, *log};
  ASSERT_TRUE(run(executor, other.start()));
  Idempotency elsewhere{store, other, clock};
  EXPECT_FALSE(run(executor, elsewhere.begin(call("{}"), "k"))) << "without its key it does not open";
}

}  // namespace
}  // namespace evergrant::test
