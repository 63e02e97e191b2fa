#include <gtest/gtest.h>

#include "access/access_control.hpp"

namespace evergrant {
namespace {

Caller caller_with(Policy policy) {
  Caller caller;
  caller.id = CallerId{"cal_1"};
  caller.policy = std::move(policy);
  return caller;
}

Policy policy(std::vector<Verb> verbs, std::vector<RegistrationId> registrations, std::vector<TenantId> tenants) {
  return {.verbs = std::move(verbs), .registrations = std::move(registrations), .tenants = std::move(tenants)};
}

struct Case {
  std::string name;
  Policy policy;
  AccessRequest request;
  bool allowed;
};

TEST(Authorise, decides_by_verb_registration_and_tenant) {
  const RegistrationId books{"books"};
  const TenantId acme{"acme"};
  const AccessRequest reading{.verb = Verb::token_read, .registration = books, .tenant = acme};
  const std::vector<Case> cases{
      {"an empty policy allows nothing", {}, reading, false},
      {"all three fit", policy({Verb::token_read}, {books}, {acme}), reading, true},
      {"another verb", policy({Verb::connection_read}, {books}, {acme}), reading, false},
      {"another registration", policy({Verb::token_read}, {RegistrationId{"sheets"}}, {acme}), reading, false},
      {"another tenant", policy({Verb::token_read}, {books}, {TenantId{"acme2"}}), reading, false},
      {"no registrations", policy({Verb::token_read}, {}, {acme}), reading, false},
      {"no tenants", policy({Verb::token_read}, {books}, {}), reading, false},
      {"stars", policy({Verb::token_read}, {RegistrationId{"*"}}, {TenantId{"*"}}), reading, true},
      {"a star is not a prefix", policy({Verb::token_read}, {RegistrationId{"boo*"}}, {TenantId{"*"}}), reading, false},
      {"names compare with case", policy({Verb::token_read}, {books}, {TenantId{"Acme"}}), reading, false},
      {"admin allows every verb", policy({Verb::admin}, {books}, {acme}), reading, true},
      {"admin does not widen tenants", policy({Verb::admin}, {books}, {TenantId{"other"}}), reading, false},
      {"a verb does not make an admin", policy({Verb::token_read}, {books}, {acme}), {.verb = Verb::admin}, false},
      {"about nothing in particular", policy({Verb::token_read}, {}, {}), {.verb = Verb::token_read}, true},
      {"about everything, by a limited policy",
       policy({Verb::revoke}, {books}, {acme}),
       {.verb = Verb::revoke, .registration = RegistrationId{"*"}, .tenant = acme},
       false},
      {"about everything, by a wide one",
       policy({Verb::revoke}, {RegistrationId{"*"}}, {acme}),
       {.verb = Verb::revoke, .registration = RegistrationId{"*"}, .tenant = acme},
       true},
  };
  for (const auto& one : cases) {
    const auto result = authorise(caller_with(one.policy), one.request);
    EXPECT_EQ(result.has_value(), one.allowed) << one.name;
    if (!result) EXPECT_EQ(result.error().code, Errc::forbidden) << one.name;
  }
}

TEST(Authorise, a_refusal_names_the_verb_and_never_the_tenant) {
  const auto verb = authorise(caller_with(policy({Verb::connect}, {}, {})), {.verb = Verb::token_read});
  ASSERT_FALSE(verb);
  EXPECT_TRUE(verb.error().message.contains("token:read"));
  const auto tenant =
      authorise(caller_with(policy({Verb::token_read}, {RegistrationId{"*"}}, {})),
                {.verb = Verb::token_read, .registration = RegistrationId{"books"}, .tenant = TenantId{"acme"}});
  ASSERT_FALSE(tenant);
  EXPECT_FALSE(tenant.error().message.contains("acme"));
}

TEST(Authorise, connections_narrow_what_registrations_and_tenants_allow) {
  Policy some = policy({Verb::token_read, Verb::connect}, {RegistrationId{"*"}}, {TenantId{"acme"}});
  some.connections = {ConnectionId{"con_1"}, ConnectionId{"con_2"}};
  const auto asked = [&](const char* tenant, std::optional<ConnectionId> connection) {
    return authorise(caller_with(some), {.verb = Verb::token_read,
                                         .registration = RegistrationId{"books"},
                                         .tenant = TenantId{tenant},
                                         .connection = std::move(connection)})
        .has_value();
  };
  EXPECT_TRUE(asked("acme", ConnectionId{"con_1"}));
  EXPECT_TRUE(asked("acme", ConnectionId{"con_2"}));
  EXPECT_FALSE(asked("acme", ConnectionId{"con_3"}));
  EXPECT_FALSE(asked("other", ConnectionId{"con_1"})) << "a connection does not widen tenants";
  EXPECT_FALSE(asked("acme", std::nullopt)) << "making a new one, off-boarding a tenant: wider than these";
  EXPECT_TRUE(authorise(caller_with(some), {.verb = Verb::token_read})) << "a list is filtered instead";
  some.connections = {ConnectionId{"*"}};
  EXPECT_FALSE(asked("acme", ConnectionId{"con_1"})) << "there is no star for connections";
}

TEST(Authorise, methods_and_paths_hold_for_calls_and_keep_the_token_itself_back) {
  Policy limited = policy({Verb::token_read, Verb::proxy}, {RegistrationId{"*"}}, {TenantId{"*"}});
  limited.methods = {"GET"};
  limited.paths = {"/v3/company/*/invoice"};
  const auto asked = [&](Verb verb, std::optional<ProviderCall> call) {
    return authorise(caller_with(limited), {.verb = verb,
                                            .registration = RegistrationId{"books"},
                                            .tenant = TenantId{"acme"},
                                            .connection = ConnectionId{"con_1"},
                                            .call = std::move(call)});
  };
  EXPECT_TRUE(asked(Verb::proxy, ProviderCall{"GET", "/v3/company/1/invoice/2"}));
  EXPECT_TRUE(asked(Verb::proxy, ProviderCall{"HEAD", "/v3/company/1/invoice"})) << "says no more than GET";
  EXPECT_FALSE(asked(Verb::proxy, ProviderCall{"POST", "/v3/company/1/invoice"}));
  EXPECT_FALSE(asked(Verb::proxy, ProviderCall{"get", "/v3/company/1/invoice"}));
  EXPECT_FALSE(asked(Verb::proxy, ProviderCall{"GET", "/v3/company/1/payment"}));
  EXPECT_FALSE(asked(Verb::proxy, ProviderCall{"GET", "/v3/company/1/invoice/../payment"}));
  EXPECT_TRUE(asked(Verb::token_read, ProviderCall{"GET", "/v3/company/1/invoice"})) << "a gateway";
  const auto token = asked(Verb::token_read, std::nullopt);
  ASSERT_FALSE(token) << "with it everything could be called";
  EXPECT_TRUE(token.error().message.contains("does not get the token"));
  EXPECT_FALSE(asked(Verb::proxy, std::nullopt)) << "a call that was not named is none that the policy allows";
  limited.paths.clear();
  EXPECT_FALSE(asked(Verb::token_read, std::nullopt));
  limited.methods.clear();
  EXPECT_TRUE(asked(Verb::token_read, std::nullopt));
}

TEST(Authorise, a_call_is_decided_by_the_same_rules_alone) {
  Policy limited = policy({Verb::proxy}, {}, {});
  EXPECT_TRUE(authorise_call(caller_with(limited), "PATCH", "/a/../b")) << "without limits no path is looked at";
  limited.methods = {"GET"};
  limited.paths = {"/a"};
  EXPECT_TRUE(authorise_call(caller_with(limited), "GET", "/a/b"));
  EXPECT_FALSE(authorise_call(caller_with(limited), "PUT", "/a/b"));
  EXPECT_FALSE(authorise_call(caller_with(limited), "GET", "/b"));
  EXPECT_FALSE(authorise_call(caller_with(limited), "GET", "/a%2f..%2fb"));
}

TEST(Authorise, the_installation_as_a_whole_is_for_unlimited_callers_that_an_admin_made) {
  const Policy everything = policy({Verb::admin}, {RegistrationId{"*"}}, {TenantId{"*"}});
  const AccessRequest whole{.verb = Verb::admin, .registration = RegistrationId{"*"}, .tenant = TenantId{"*"}};
  EXPECT_TRUE(authorise(caller_with(everything), whole));
  for (int i = 0; i < 4; ++i) {
    Caller caller = caller_with(everything);
    if (i == 0) caller.policy.connections = {ConnectionId{"con_1"}};
    if (i == 1) caller.policy.methods = {"GET"};
    if (i == 2) caller.policy.paths = {"/a"};
    if (i == 3) caller.ancestors = {{.id = CallerId{"cal_0"}, .name = "parent"}};
    EXPECT_FALSE(authorise(caller, whole)) << i << ": it could make itself a caller without limits or end";
  }
}

TEST(RestrictTo, connections_restrict_lists_too) {
  ConnectionFilter filter;
  Policy some = policy({Verb::connection_read}, {RegistrationId{"*"}}, {TenantId{"*"}});
  restrict_to(caller_with(some), filter);
  EXPECT_FALSE(filter.visible_connections);
  some.connections = {ConnectionId{"con_1"}};
  restrict_to(caller_with(some), filter);
  EXPECT_EQ(filter.visible_connections, std::optional{some.connections});
}

TEST(RestrictTo, a_limited_caller_sees_its_own_in_lists) {
  ConnectionFilter filter;
  restrict_to(caller_with(policy({Verb::connection_read}, {RegistrationId{"books"}}, {})), filter);
  ASSERT_TRUE(filter.visible_registrations);
  EXPECT_EQ(*filter.visible_registrations, std::vector{RegistrationId{"books"}});
  ASSERT_TRUE(filter.visible_tenants) << "no tenants is not all tenants";
  EXPECT_TRUE(filter.visible_tenants->empty());
}

TEST(RestrictTo, a_star_restricts_nothing) {
  ConnectionFilter filter;
  restrict_to(caller_with(policy({Verb::connection_read}, {RegistrationId{"*"}}, {TenantId{"a"}, TenantId{"*"}})), filter);
  EXPECT_FALSE(filter.visible_registrations);
  EXPECT_FALSE(filter.visible_tenants);
}

}  // namespace
}  // namespace evergrant
