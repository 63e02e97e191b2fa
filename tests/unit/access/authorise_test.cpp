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
