#include "contract/store/store_contract.hpp"

namespace evergrant::test {
namespace {

struct ConnectSessions : StoreContract {
  ConnectSession armed(const std::string& id = "cs_1") {
    ok(store->create_session(some_session(id), 100));
    const auto session = get(store->open_session("token-" + id, at(10))).value();
    ok(store->arm_session(SessionId{id}, "state-" + id, "browser", "https://issuer.example", Sealed{"verifier"}));
    return session;
  }
  ConnectSession session(const std::string& id = "cs_1") { return get(store->session(SessionId{id})).value(); }
};
INSTANTIATE_TEST_SUITE_P(Sqlite, ConnectSessions, ::testing::Values(Kind::file_with_threads, Kind::memory_inline), name_of);

TEST_P(ConnectSessions, every_column_comes_back_as_it_went_in) {
  auto s = some_session("cs_1");
  s.reconnect = ConnectionId{"con_1"};
  s.secrets = Sealed{"sealed"};
  ok(store->create_session(s, 1));
  const auto back = session();
  EXPECT_EQ(back.token_hash, s.token_hash);
  EXPECT_EQ(back.registration, s.registration);
  EXPECT_EQ(back.tenant, s.tenant);
  EXPECT_EQ(back.reconnect, s.reconnect);
  EXPECT_EQ(back.return_to, s.return_to);
  EXPECT_EQ(back.login_hint, s.login_hint);
  EXPECT_EQ(back.scope, s.scope);
  EXPECT_EQ(back.secrets, s.secrets);
  EXPECT_EQ(back.caller, s.caller);
  EXPECT_EQ(back.created_at, s.created_at);
  EXPECT_EQ(back.expires_at, s.expires_at);
  EXPECT_EQ(back.outcome, "");
  EXPECT_FALSE(back.connection);
  EXPECT_EQ(code_of(store->session(SessionId{"cs_9"})), Errc::not_found);
  EXPECT_EQ(code_of(store->create_session(s, 9)), Errc::conflict);
}

TEST_P(ConnectSessions, a_tenant_may_have_so_many_open_at_once) {
  ok(store->create_session(some_session("cs_1"), 2));
  ok(store->create_session(some_session("cs_2"), 2));
  EXPECT_EQ(code_of(store->create_session(some_session("cs_3"), 2)), Errc::rate_limited);
  EXPECT_EQ(code_of(store->session(SessionId{"cs_3"})), Errc::not_found);
  ok(store->create_session(some_session("cs_4", "bolt"), 2));
  ok(store->finish_session(SessionId{"cs_1"}, "connected", ConnectionId{"con_1"}));
  ok(store->create_session(some_session("cs_5"), 2));
  auto later = some_session("cs_6");
  later.created_at = at(600);  // the others have expired by then
  later.expires_at = at(1200);
  ok(store->create_session(later, 1));
}

TEST_P(ConnectSessions, a_link_works_once_and_until_it_expires) {
  ok(store->create_session(some_session("cs_1"), 9));
  ok(store->create_session(some_session("cs_2"), 9));
  EXPECT_EQ(get(store->open_session("token-cs_1", at(599))).value().id, SessionId{"cs_1"});
  EXPECT_EQ(session().outcome, "opened");
  EXPECT_EQ(code_of(store->open_session("token-cs_1", at(10))), Errc::gone);
  EXPECT_EQ(code_of(store->open_session("token-cs_2", at(600))), Errc::gone);
  EXPECT_EQ(code_of(store->open_session("token-cs_9", at(10))), Errc::gone);
}

TEST_P(ConnectSessions, a_session_is_armed_once_after_it_was_opened) {
  ok(store->create_session(some_session("cs_1"), 9));
  const auto arm = [&] { return store->arm_session(SessionId{"cs_1"}, "state", "browser", "issuer", Sealed{"verifier"}); };
  EXPECT_EQ(code_of(arm()), Errc::gone) << "not opened yet";
  ASSERT_TRUE(get(store->open_session("token-cs_1", at(10))));
  ok(arm());
  EXPECT_EQ(code_of(arm()), Errc::gone) << "armed already";
  ASSERT_TRUE(get(store->take_session("state", at(20))));
  EXPECT_EQ(code_of(arm()), Errc::gone) << "used already";
}

TEST_P(ConnectSessions, a_state_works_once) {
  armed();
  const auto taken = get(store->take_session("state-cs_1", at(20))).value();
  EXPECT_EQ(taken.id, SessionId{"cs_1"});
  EXPECT_EQ(taken.browser_hash, "browser");
  EXPECT_EQ(taken.expected_issuer, "https://issuer.example");
  EXPECT_EQ(taken.secrets, Sealed{"verifier"});
  EXPECT_EQ(code_of(store->take_session("state-cs_1", at(20))), Errc::gone);
  EXPECT_TRUE(session().secrets.empty()) << "its secrets leave the row with it";
  EXPECT_EQ(session().state_hash, "");
}

TEST_P(ConnectSessions, an_expired_state_is_used_up_all_the_same) {
  armed();
  EXPECT_EQ(code_of(store->take_session("state-cs_1", at(600))), Errc::gone);
  EXPECT_EQ(code_of(store->take_session("state-cs_1", at(20))), Errc::gone);
  EXPECT_TRUE(session().secrets.empty());
}

TEST_P(ConnectSessions, an_empty_or_unknown_state_finds_nothing) {
  ok(store->create_session(some_session("cs_1"), 9));
  EXPECT_EQ(code_of(store->take_session("", at(20))), Errc::gone);
  EXPECT_EQ(code_of(store->take_session("state", at(20))), Errc::gone);
}

TEST_P(ConnectSessions, its_outcome_stays_readable) {
  armed();
  ASSERT_TRUE(get(store->take_session("state-cs_1", at(20))));
  ok(store->finish_session(SessionId{"cs_1"}, "connected", ConnectionId{"con_1"}));
  EXPECT_EQ(session().outcome, "connected");
  EXPECT_EQ(session().connection, ConnectionId{"con_1"});
  armed("cs_2");
  ok(store->finish_session(SessionId{"cs_2"}, "access_denied", {}));
  EXPECT_EQ(session("cs_2").outcome, "access_denied");
  EXPECT_EQ(code_of(store->take_session("state-cs_2", at(20))), Errc::gone) << "a finished session has no state";
}

}  // namespace
}  // namespace evergrant::test
