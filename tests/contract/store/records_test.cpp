// Callers, audit, events, idempotency, pauses, clean-up and meta.
#include "contract/store/store_contract.hpp"

namespace evergrant::test {
namespace {

struct Records : StoreContract {
  static Caller some_caller(const std::string& id) {
    Caller c;
    c.id = CallerId{id};
    c.name = "shop";
    c.policy = {{Verb::token_read, Verb::admin}, {RegistrationId{"*"}}, {TenantId{"acme"}, TenantId{"bo,lt"}}};
    c.key_hash = "hash-" + id;
    c.key_prefix = "eg_abc";
    c.expires_at = at(100);
    c.created_at = at(1);
    return c;
  }
  static Caller derived(const std::string& id, const std::vector<std::string>& ancestors, Time until) {
    Caller c = some_caller(id);
    for (const auto& ancestor : ancestors) c.ancestors.push_back({.id = CallerId{ancestor}, .name = {}});
    c.expires_at = until;
    c.created_at = at(0);
    return c;
  }

  static AuditEntry some_entry(const std::string& action, const std::string& caller = "cal_1") {
    AuditEntry e;
    e.at = at(5);
    e.caller = CallerId{caller};
    e.action = action;
    e.result = "ok";
    e.registration = RegistrationId{"books"};
    e.tenant = TenantId{"acme"};
    e.connection = ConnectionId{"con_1"};
    e.fingerprint = "0123456789ab";
    e.detail = "detail";
    e.remote = "127.0.0.1";
    return e;
  }
};
INSTANTIATE_TEST_SUITE_P(Sqlite, Records, ::testing::Values(Kind::file_with_threads, Kind::memory_inline), name_of);

TEST_P(Records, a_caller_comes_back_by_id_and_by_key) {
  const auto c = some_caller("cal_1");
  ok(store->create_caller(c));
  for (const auto& back : {get(store->caller(c.id)).value(), get(store->caller_by_key_hash("hash-cal_1")).value()}) {
    EXPECT_EQ(back.id, c.id);
    EXPECT_EQ(back.name, c.name);
    EXPECT_EQ(back.policy.verbs, c.policy.verbs);
    EXPECT_EQ(back.policy.registrations, c.policy.registrations);
    EXPECT_EQ(back.policy.tenants, c.policy.tenants);
    EXPECT_EQ(back.key_prefix, c.key_prefix);
    EXPECT_EQ(back.expires_at, c.expires_at);
    EXPECT_FALSE(back.revoked_at);
    EXPECT_EQ(back.created_at, c.created_at);
  }
  EXPECT_EQ(code_of(store->caller(CallerId{"cal_9"})), Errc::not_found);
  EXPECT_EQ(code_of(store->caller_by_key_hash("hash")), Errc::not_found);
  EXPECT_EQ(code_of(store->create_caller(c)), Errc::conflict);
}

TEST_P(Records, a_caller_without_a_key_is_found_by_no_key) {
  auto c = some_caller("cal_1");
  c.key_hash = "";
  ok(store->create_caller(c));
  EXPECT_EQ(code_of(store->caller_by_key_hash("")), Errc::not_found);
}

TEST_P(Records, a_caller_is_revoked_once) {
  ok(store->create_caller(some_caller("cal_1")));
  ok(store->revoke_caller(CallerId{"cal_1"}, at(7)));
  ok(store->revoke_caller(CallerId{"cal_1"}, at(9)));
  EXPECT_EQ(get(store->caller(CallerId{"cal_1"})).value().revoked_at, at(7));
  EXPECT_EQ(code_of(store->revoke_caller(CallerId{"cal_9"}, at(7))), Errc::not_found);
}

TEST_P(Records, a_callers_policy_comes_back_whole) {
  auto c = some_caller("cal_1");
  c.policy.connections = {ConnectionId{"con_1"}, ConnectionId{"con_2"}};
  c.policy.methods = {"GET"};
  c.policy.paths = {"/v3/company/*"};
  c.policy.requests_per_minute = 60;
  ok(store->create_caller(c));
  EXPECT_EQ(get(store->caller(c.id)).value().policy, c.policy);
}

TEST_P(Records, a_derived_caller_ends_with_the_first_of_its_ancestors) {
  ok(store->create_caller(some_caller("cal_1")));
  const auto child = derived("cal_2", {"cal_1"}, at(100));
  ok(store->derive_caller(child, 10));
  ok(store->derive_caller(derived("cal_3", {"cal_2", "cal_1"}, at(90)), 10));
  const auto back = get(store->caller_by_key_hash("hash-cal_3")).value();
  ASSERT_EQ(back.ancestors.size(), 2U);
  EXPECT_EQ(back.ancestors[0].id, CallerId{"cal_2"});
  EXPECT_EQ(back.ancestors[1].id, CallerId{"cal_1"});
  EXPECT_EQ(back.ancestors[1].name, get(store->caller(CallerId{"cal_1"})).value().name);
  EXPECT_FALSE(back.revoked_at);
  EXPECT_EQ(back.expires_at, at(90));
  ok(store->revoke_caller(CallerId{"cal_2"}, at(7)));
  EXPECT_EQ(get(store->caller(CallerId{"cal_2"})).value().revoked_at, at(7));
  EXPECT_EQ(get(store->caller(CallerId{"cal_3"})).value().revoked_at, at(7));
  EXPECT_FALSE(get(store->caller(CallerId{"cal_1"})).value().revoked_at);
}

TEST_P(Records, nothing_derives_from_what_has_ended_or_ends_before) {
  auto parent = some_caller("cal_1");
  parent.expires_at = at(50);
  ok(store->create_caller(parent));
  EXPECT_EQ(code_of(store->derive_caller(derived("cal_2", {"cal_1"}, at(51)), 10)), Errc::gone);
  EXPECT_EQ(code_of(store->derive_caller(derived("cal_2", {"cal_9"}, at(10)), 10)), Errc::gone);
  auto late = derived("cal_2", {"cal_1"}, at(50));
  late.created_at = at(50);
  EXPECT_EQ(code_of(store->derive_caller(late, 10)), Errc::gone);
  ok(store->derive_caller(derived("cal_2", {"cal_1"}, at(50)), 10));
  ok(store->revoke_caller(CallerId{"cal_1"}, at(3)));
  EXPECT_EQ(code_of(store->derive_caller(derived("cal_3", {"cal_1"}, at(40)), 10)), Errc::gone);
}

TEST_P(Records, derived_callers_are_bounded_and_swept_after_their_end) {
  auto parent = some_caller("cal_1");
  parent.expires_at = std::nullopt;
  ok(store->create_caller(parent));
  ok(store->derive_caller(derived("cal_2", {"cal_1"}, at(100)), 2));
  ok(store->derive_caller(derived("cal_3", {"cal_1"}, at(200)), 2));
  EXPECT_EQ(code_of(store->derive_caller(derived("cal_4", {"cal_1"}, at(300)), 2)), Errc::rate_limited);
  RetentionCutoffs cutoffs;
  cutoffs.derived_callers = at(101);
  EXPECT_EQ(get(store->sweep(cutoffs, 10)).value().callers, 1);
  EXPECT_EQ(code_of(store->caller(CallerId{"cal_2"})), Errc::not_found);
  EXPECT_TRUE(get(store->caller(CallerId{"cal_1"})));
  ok(store->derive_caller(derived("cal_4", {"cal_1"}, at(300)), 2));
  cutoffs.derived_callers = at(1000);
  EXPECT_EQ(get(store->sweep(cutoffs, 10)).value().callers, 2);
  EXPECT_TRUE(get(store->caller(CallerId{"cal_1"}))) << "a caller without a parent is not swept";
}

TEST_P(Records, callers_come_in_pages) {
  for (const std::string id : {"cal_3", "cal_1", "cal_2"}) ok(store->create_caller(some_caller(id)));
  const auto first = get(store->callers({}, 2)).value();
  EXPECT_EQ(first.items[0].id, CallerId{"cal_1"});
  ASSERT_EQ(first.items.size(), 2U);
  const auto second = get(store->callers(first.next, 2)).value();
  ASSERT_EQ(second.items.size(), 1U);
  EXPECT_EQ(second.items[0].id, CallerId{"cal_3"});
  EXPECT_EQ(second.next, "");
  EXPECT_EQ(code_of(store->callers("nonsense", 2)), Errc::invalid_argument);
}

TEST_P(Records, the_audit_trail_keeps_the_order_of_a_long_batch) {
  for (const int size : {1, 19, 20, 21, 45}) {
    std::vector<AuditEntry> batch;
    for (int i = 0; i < size; ++i) {
      batch.push_back(some_entry(std::to_string(i), "cal_" + std::to_string(size)));
      batch.back().count = i + 1;
      if (i % 2 == 1) batch.back().last_at = at(6);
    }
    ok(store->append_audit(batch));
    const auto trail = get(store->audit({}, CallerId{"cal_" + std::to_string(size)}, {}, 100)).value().items;
    ASSERT_EQ(trail.size(), batch.size());
    for (std::size_t i = 0; i < trail.size(); ++i) {
      const AuditEntry& back = trail[trail.size() - 1 - i];
      EXPECT_EQ(back.action, batch[i].action);
      EXPECT_EQ(back.count, batch[i].count);
      EXPECT_EQ(back.last_at, batch[i].last_at);
      EXPECT_EQ(back.remote, batch[i].remote);
    }
  }
}

TEST_P(Records, the_audit_trail_comes_newest_first_in_pages) {
  ok(store->create_caller(some_caller("cal_1")));
  ok(store->append_audit({some_entry("one"), some_entry("two", "cal_2"), some_entry("three")}));
  const auto first = get(store->audit({}, {}, {}, 2)).value();
  ASSERT_EQ(first.items.size(), 2U);
  EXPECT_EQ(first.items[0].action, "three");
  EXPECT_GT(first.items[0].sequence, first.items[1].sequence);
  const auto second = get(store->audit({}, {}, first.next, 2)).value();
  ASSERT_EQ(second.items.size(), 1U);
  const auto& e = second.items[0];
  EXPECT_EQ(e.action, "one");
  EXPECT_EQ(e.at, at(5));
  EXPECT_EQ(e.caller, CallerId{"cal_1"});
  EXPECT_EQ(e.result, "ok");
  EXPECT_EQ(e.registration, RegistrationId{"books"});
  EXPECT_EQ(e.tenant, TenantId{"acme"});
  EXPECT_EQ(e.connection, ConnectionId{"con_1"});
  EXPECT_EQ(e.fingerprint, "0123456789ab");
  EXPECT_EQ(e.detail, "detail");
  EXPECT_EQ(e.remote, "127.0.0.1");
  EXPECT_EQ(second.next, "");
  EXPECT_EQ(get(store->audit({}, CallerId{"cal_2"}, {}, 9)).value().items.size(), 1U);
  EXPECT_EQ(get(store->audit(ConnectionId{"con_9"}, {}, {}, 9)).value().items.size(), 0U);
  EXPECT_EQ(code_of(store->audit({}, {}, "YTE", 9)), Errc::invalid_argument);
  EXPECT_EQ(get(store->caller(CallerId{"cal_1"})).value().last_used_at, at(5)) << "a caller's use shows on the caller";
}

TEST_P(Records, events_are_polled_from_the_last_cursor) {
  const auto a = some_connection("con_1", "r1", "acme");
  const auto b = some_connection("con_2", "r2", "bolt");
  auto full = some_event("one", a);
  full.detail = "what happened";
  full.code = "invalid_grant";
  full.correlation = "tid";
  full.generation = 4;
  ok(store->append_event(full));
  ok(store->append_event(some_event("two", b)));
  const auto first = get(store->events({}, {}, {}, 1)).value();
  ASSERT_EQ(first.items.size(), 1U);
  EXPECT_EQ(first.items[0].type, "one");
  EXPECT_EQ(first.items[0].at, at(10));
  EXPECT_EQ(first.items[0].realm, RealmId{"r1"});
  EXPECT_EQ(first.items[0].generation, 4);
  EXPECT_EQ(first.items[0].detail, "what happened");
  EXPECT_EQ(first.items[0].code, "invalid_grant");
  EXPECT_EQ(first.items[0].correlation, "tid");
  const auto second = get(store->events({}, {}, first.next, 10)).value();
  ASSERT_EQ(second.items.size(), 1U);
  EXPECT_EQ(second.items[0].type, "two");
  const auto none = get(store->events({}, {}, second.next, 10)).value();
  EXPECT_TRUE(none.items.empty());
  EXPECT_EQ(none.next, second.next) << "there is always a place to go on from";
  ok(store->append_event(some_event("three", a)));
  EXPECT_EQ(get(store->events({}, {}, none.next, 10)).value().items.at(0).type, "three");
  ConnectionFilter visible;
  visible.visible_tenants = std::vector{TenantId{"bolt"}};
  EXPECT_EQ(get(store->events(visible, {}, {}, 10)).value().items.size(), 1U);
  EXPECT_EQ(get(store->events({}, ConnectionId{"con_1"}, {}, 10)).value().items.size(), 2U);
  EXPECT_EQ(code_of(store->events({}, {}, "YTE", 10)), Errc::invalid_argument);
}

TEST_P(Records, a_connections_story_is_read_from_its_end) {
  const auto a = some_connection("con_1", "r1", "acme");
  const auto b = some_connection("con_2", "r2", "acme");
  for (const auto* type : {"one", "two", "three"}) {
    ok(store->append_event(some_event(type, a)));
    ok(store->append_event(some_event("other", b)));
  }
  const auto latest = get(store->timeline(a.id, {}, 2)).value();
  ASSERT_EQ(latest.items.size(), 2U);
  EXPECT_EQ(latest.items[0].type, "three");
  EXPECT_EQ(latest.items[1].type, "two");
  const auto rest = get(store->timeline(a.id, latest.next, 2)).value();
  ASSERT_EQ(rest.items.size(), 1U);
  EXPECT_EQ(rest.items[0].type, "one");
  EXPECT_TRUE(rest.next.empty());
  EXPECT_EQ(code_of(store->timeline(a.id, "YTE", 10)), Errc::invalid_argument);
}

TEST_P(Records, an_event_without_a_type_is_not_recorded) {
  ok(store->append_event({}));
  EXPECT_TRUE(event_types().empty());
}

TEST_P(Records, the_first_of_two_equal_requests_goes_on_and_the_second_gets_its_answer) {
  const auto begin = [&](const std::string& hash, Time now) {
    return get(store->begin_idempotent("key", hash, now)).value();
  };
  EXPECT_FALSE(begin("hash", at(1)));
  const auto busy = begin("hash", at(2));
  ASSERT_TRUE(busy);
  EXPECT_EQ(busy->status, 0);
  EXPECT_EQ(busy->request_hash, "hash");
  EXPECT_EQ(busy->created_at, at(1));
  ok(store->finish_idempotent("key", 201, "{}"));
  const auto done = begin("other hash", at(3));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->status, 201);
  EXPECT_EQ(done->body, "{}");
  EXPECT_EQ(done->request_hash, "hash");
  EXPECT_TRUE(begin("hash", at(99999))) << "a finished one is never forgotten by time alone";
}

TEST_P(Records, a_request_that_is_forgotten_or_died_may_begin_again) {
  const auto begin = [&](const std::string& hash, Time now) {
    return get(store->begin_idempotent("key", hash, now)).value();
  };
  EXPECT_FALSE(begin("hash", at(0)));
  ok(store->forget_idempotent("key"));
  EXPECT_FALSE(begin("hash", at(1)));
  EXPECT_TRUE(begin("hash", at(300)));
  EXPECT_TRUE(begin("other", at(301))) << "another request is a conflict, however old the first";
  EXPECT_FALSE(begin("hash", at(301)));
  EXPECT_TRUE(begin("hash", at(302))) << "the one that took over is in progress now";
}

TEST_P(Records, a_registration_is_paused_and_resumed) {
  ok(store->pause({RegistrationId{"books"}, "invalid_client", "first", at(1)}));
  ok(store->pause({RegistrationId{"books"}, "unauthorized_client", "second", at(2)}));
  const auto paused = get(store->paused()).value();
  ASSERT_EQ(paused.size(), 1U);
  EXPECT_EQ(paused[0].registration, RegistrationId{"books"});
  EXPECT_EQ(paused[0].code, "unauthorized_client");
  EXPECT_EQ(paused[0].detail, "second");
  EXPECT_EQ(paused[0].since, at(1)) << "since the first time";
  ok(store->resume(RegistrationId{"books"}));
  ok(store->resume(RegistrationId{"books"}));
  EXPECT_TRUE(get(store->paused()).value().empty());
}

TEST_P(Records, a_hold_is_kept_until_it_is_released_and_the_release_is_remembered) {
  const auto about = [](const std::string& type) {
    Event event;
    event.at = at(5);
    event.type = type;
    event.registration = RegistrationId{"books"};
    return event;
  };
  const RegistrationId books{"books"};
  EXPECT_EQ(code_of(store->release_hold(books, at(1), about("released"))), Errc::not_found);
  ok(store->hold({books, at(1), 12, 30, std::nullopt}, about("mass_failure")));
  auto holds = get(store->holds()).value();
  ASSERT_EQ(holds.size(), 1U);
  EXPECT_EQ(holds[0].registration, books);
  EXPECT_EQ(holds[0].since, at(1));
  EXPECT_EQ(holds[0].failed, 12);
  EXPECT_EQ(holds[0].refreshed, 30);
  EXPECT_FALSE(holds[0].released_at);
  ok(store->release_hold(books, at(9), about("mass_failure_released")));
  EXPECT_EQ(get(store->holds()).value().at(0).released_at, at(9));
  EXPECT_EQ(code_of(store->release_hold(books, at(10), about("again"))), Errc::not_found);
  ok(store->hold({books, at(20), 13, 31, std::nullopt}, about("mass_failure")));
  holds = get(store->holds()).value();
  ASSERT_EQ(holds.size(), 1U);
  EXPECT_EQ(holds[0].since, at(20));
  EXPECT_FALSE(holds[0].released_at);
  EXPECT_EQ(event_types(), (std::vector<std::string>{"mass_failure", "mass_failure_released", "mass_failure"}));
}

TEST_P(Records, meta_and_probe_write) {
  EXPECT_EQ(get(store->meta("epoch")).value(), std::nullopt);
  ok(store->set_meta("epoch", "1"));
  ok(store->set_meta("epoch", "2"));
  EXPECT_EQ(get(store->meta("epoch")).value(), "2");
  ok(store->probe());
  ok(store->probe());
}

TEST_P(Records, a_sweep_without_cutoffs_keeps_everything) {
  created();
  ok(store->append_audit({some_entry("one")}));
  const auto report = get(store->sweep({}, 100)).value();
  EXPECT_EQ(report.sessions + report.connections + report.audit + report.events + report.idempotency + report.tenant_keys,
            0);
  EXPECT_EQ(event_types().size(), 1U);
}

TEST_P(Records, a_sweep_takes_what_is_older_and_no_more_than_its_limit) {
  for (int i = 1; i <= 3; ++i) {
    ok(store->create_session(some_session("cs_" + std::to_string(i)), 9));
    ok(store->append_audit({some_entry("a")}));
    ok(store->append_event(some_event("e", some_connection("con_1", "r"))));
    ASSERT_FALSE(get(store->begin_idempotent("key" + std::to_string(i), "h", at(10))).value());
  }
  RetentionCutoffs all;
  all.sessions = at(600);
  all.audit = at(5);
  all.events = at(10);
  all.idempotency = at(10);
  auto report = get(store->sweep(all, 2)).value();
  EXPECT_EQ(report.sessions + report.audit + report.events + report.idempotency, 0) << "nothing is older than its cutoff";
  all = {.sessions = at(601), .revoked_connections = {}, .audit = at(6), .events = at(11), .idempotency = at(11)};
  report = get(store->sweep(all, 2)).value();
  EXPECT_EQ(report.sessions, 2);
  EXPECT_EQ(report.audit, 2);
  EXPECT_EQ(report.events, 2);
  EXPECT_EQ(report.idempotency, 2);
  report = get(store->sweep(all, 2)).value();
  EXPECT_EQ(report.sessions, 1);
  EXPECT_EQ(report.audit, 1);
  EXPECT_EQ(report.events, 1);
  EXPECT_EQ(report.idempotency, 1);
}

TEST_P(Records, a_sweep_takes_only_revoked_connections_with_nothing_open) {
  created("con_1", "r1");
  const auto c2 = created("con_2", "r2");
  const auto c3 = created("con_3", "r3");
  claimed("con_3", "node", some_attempt("att_1", c3));
  for (const std::string id : {"con_2", "con_3"}) {
    ASSERT_TRUE(get(store->begin_revocation(ConnectionId{id}, false, "", at(20), {})));
  }
  OutboxItem item;
  item.connection = c2.id;
  item.tenant = c2.tenant;
  const auto queued = get(store->enqueue(item)).value();
  const RetentionCutoffs cutoffs{
      .sessions = {}, .revoked_connections = at(21), .audit = {}, .events = {}, .idempotency = {}};
  EXPECT_EQ(get(store->sweep(cutoffs, 100)).value().connections, 0) << "an open promise and an open attempt";
  ok(store->outbox_done(queued, "", {}));
  ok(store->end_attempt(AttemptId{"att_1"}));
  EXPECT_EQ(
      get(store->sweep({.sessions = {}, .revoked_connections = at(20), .audit = {}, .events = {}, .idempotency = {}}, 100))
          .value()
          .connections,
      0)
      << "too young";
  EXPECT_EQ(get(store->sweep(cutoffs, 100)).value().connections, 2);
  EXPECT_EQ(read("con_1").status, Status::active);
  EXPECT_EQ(code_of(store->connection(c2.id)), Errc::not_found);
}

TEST_P(Records, a_sweep_takes_the_keys_of_tenants_of_which_nothing_is_left) {
  const auto key = [](const std::string& id, const std::string& tenant) {
    StoredKey k;
    k.id = KeyId{id};
    k.tenant = TenantId{tenant};
    k.wrapped = "w";
    k.wrapped_by = tenant.empty() ? "kek" : "rk_1";
    k.created_at = at(1);
    return k;
  };
  for (const auto& [id, tenant] : {std::pair{"rk_1", ""}, {"tk_1", "acme"}, {"tk_2", "gone"}, {"tk_3", "connecting"}}) {
    ok(store->add_key(key(id, tenant)));
  }
  created();
  ok(store->create_session(some_session("cs_1", "connecting"), 9));
  const RetentionCutoffs cutoffs{.sessions = {}, .revoked_connections = at(2), .audit = {}, .events = {}, .idempotency = {}};
  EXPECT_EQ(get(store->sweep(cutoffs, 100)).value().tenant_keys, 1);
  EXPECT_TRUE(get(store->tenant_keys(TenantId{"gone"})).value().empty());
  EXPECT_EQ(get(store->tenant_keys(TenantId{"acme"})).value().size(), 1U);
  EXPECT_EQ(get(store->tenant_keys(TenantId{"connecting"})).value().size(), 1U);
  EXPECT_EQ(get(store->root_keys()).value().size(), 1U);
}

TEST_P(Records, a_sweep_takes_attempts_without_an_answer_of_connections_that_moved_on) {
  const auto c = created();
  claimed("con_1", "a", some_attempt("att_1", c));
  const RetentionCutoffs cutoffs{
      .sessions = at(3001), .revoked_connections = {}, .audit = {}, .events = {}, .idempotency = {}};
  ASSERT_TRUE(get(store->sweep(cutoffs, 100)));
  EXPECT_EQ(get(store->unresolved_attempts(9)).value().size(), 1U) << "its outcome matters still";
  ok(store->reconnect(c.id, 1, some_update(), {}, {}));
  ASSERT_TRUE(get(store->sweep(cutoffs, 100)));
  EXPECT_TRUE(get(store->unresolved_attempts(9)).value().empty());
}

}  // namespace
}  // namespace evergrant::test
