#include "access/explain.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace evergrant {
namespace {

Caller explained_caller() {
  Caller caller;
  caller.id = CallerId{"cal_1"};
  caller.name = "agent";
  caller.policy = {.verbs = {Verb::token_read, Verb::proxy},
                   .registrations = {RegistrationId{"books"}},
                   .tenants = {TenantId{"acme"}},
                   .connections = {ConnectionId{"con_1"}},
                   .methods = {"GET"},
                   .paths = {"/v3/company/*"}};
  return caller;
}

AccessRequest good_request() {
  return {.verb = Verb::proxy,
          .registration = RegistrationId{"books"},
          .tenant = TenantId{"acme"},
          .connection = ConnectionId{"con_1"},
          .call = ProviderCall{.method = "GET", .path = "/v3/company/1"}};
}

const Time now = from_epoch_ms(1'000'000);

TEST(Explain, names_the_first_rule_that_does_not_hold_with_both_sides) {
  struct ExplainRow {
    std::string rule;
    void (*change)(AccessRequest&);
    std::string policy, asked;
  };
  const std::vector<ExplainRow> rows{
      {"verb", [](AccessRequest& r) { r.verb = Verb::revoke; }, "token:read, proxy", "revoke"},
      {"registration", [](AccessRequest& r) { r.registration = RegistrationId{"crm"}; }, "books", "crm"},
      {"tenant", [](AccessRequest& r) { r.tenant = TenantId{"globex"}; }, "acme", "globex"},
      {"connection", [](AccessRequest& r) { r.connection = ConnectionId{"con_2"}; }, "con_1", "con_2"},
      {"connection", [](AccessRequest& r) { r.connection.reset(); }, "con_1", ""},
      {"method", [](AccessRequest& r) { r.call->method = "POST"; }, "GET", "POST"},
      {"path", [](AccessRequest& r) { r.call->path = "/v4"; }, "/v3/company/*", "/v4"},
      {"token",
       [](AccessRequest& r) {
         r.verb = Verb::token_read;
         r.call.reset();
       },
       "for some calls only", "the token itself"},
  };
  for (const auto& row : rows) {
    auto request = good_request();
    row.change(request);
    const auto why = explain(explained_caller(), {}, request, now);
    EXPECT_FALSE(why.allowed) << row.rule;
    EXPECT_EQ(why.refused_by, row.rule);
    const auto& rules = why.callers.at(0).rules;
    const auto found = std::ranges::find_if(rules, [&](const auto& one) { return to_string(one.rule) == row.rule; });
    ASSERT_NE(found, rules.end());
    EXPECT_EQ(found->policy, row.policy);
    EXPECT_EQ(found->asked, row.asked);
    EXPECT_EQ(why.reason, authorise(explained_caller(), request).error().message) << "what the caller itself is told";
  }
}

TEST(Explain, what_is_allowed_says_so_and_agrees_with_the_decision) {
  const auto why = explain(explained_caller(), {}, good_request(), now);
  EXPECT_TRUE(why.allowed);
  EXPECT_TRUE(why.refused_by.empty());
  EXPECT_TRUE(std::ranges::all_of(why.callers.at(0).rules, &RuleFinding::holds));
  EXPECT_TRUE(authorise(explained_caller(), good_request()));
}

TEST(Explain, a_key_that_has_ended_is_allowed_nothing) {
  auto caller = explained_caller();
  caller.expires_at = now;
  EXPECT_FALSE(explain(caller, {}, good_request(), now).allowed);
  EXPECT_EQ(explain(caller, {}, good_request(), now).refused_by, "state");
  EXPECT_EQ(explain(caller, {}, good_request(), now).callers.at(0).state, "expired");
  caller.revoked_at = now;
  EXPECT_EQ(explain(caller, {}, good_request(), now).callers.at(0).state, "revoked");
  caller.revoked_at.reset();
  caller.expires_at = now + Duration{1};
  EXPECT_TRUE(explain(caller, {}, good_request(), now).allowed);
}

TEST(Explain, those_that_a_key_derives_from_are_shown_with_their_own_rules) {
  auto parent = explained_caller();
  parent.id = CallerId{"cal_0"};
  parent.policy.connections.clear();
  auto child = explained_caller();
  child.ancestors = {{.id = parent.id, .name = parent.name}};
  auto request = good_request();
  request.connection = ConnectionId{"con_2"};
  const auto why = explain(child, {parent}, request, now);
  EXPECT_FALSE(why.allowed);
  ASSERT_EQ(why.callers.size(), 2U);
  EXPECT_EQ(why.callers[1].id, parent.id);
  EXPECT_TRUE(std::ranges::all_of(why.callers[1].rules, &RuleFinding::holds)) << "it was the derived key that gave this up";
}

}  // namespace
}  // namespace evergrant
