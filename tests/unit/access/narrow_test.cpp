#include "access/narrow.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace evergrant {
namespace {

template <class T>
std::vector<T> ids(std::initializer_list<const char*> texts) {
  std::vector<T> out;
  for (const char* text : texts) out.emplace_back(text);
  return out;
}

Policy limited() {
  return {.verbs = {Verb::token_read, Verb::proxy},
          .registrations = ids<RegistrationId>({"books", "crm"}),
          .tenants = ids<TenantId>({"acme"}),
          .connections = ids<ConnectionId>({"con_1", "con_2"}),
          .methods = {"GET", "POST"},
          .paths = {"/v3/company/*/invoice", "/v3/query"},
          .requests_per_minute = 60};
}

Policy everything() {
  return {.verbs = {Verb::admin}, .registrations = ids<RegistrationId>({"*"}), .tenants = ids<TenantId>({"*"})};
}

struct NarrowRow {
  std::string name;
  std::function<void(WantedPolicy&)> want;
  std::optional<Errc> refused;  // nothing: given
  std::string field;            // that the message names
};

void expect_rows(const Policy& parent, const std::vector<NarrowRow>& rows) {
  for (const auto& row : rows) {
    WantedPolicy wanted;
    row.want(wanted);
    const auto policy = narrow(parent, wanted);
    ASSERT_EQ(policy.has_value(), !row.refused.has_value()) << row.name << (policy ? "" : policy.error().message);
    if (policy) continue;
    EXPECT_EQ(policy.error().code, *row.refused) << row.name;
    EXPECT_TRUE(policy.error().message.contains("'" + row.field + "'")) << row.name << ": " << policy.error().message;
  }
}

TEST(Narrow, what_is_not_wanted_is_as_the_parent_has_it) {
  EXPECT_EQ(narrow(limited(), {}), limited());
  EXPECT_EQ(narrow(everything(), {}), everything());
}

TEST(Narrow, a_limited_key_gives_parts_of_itself_and_never_more) {
  using enum Errc;
  expect_rows(
      limited(),
      {
          {"a verb", [](auto& w) { w.verbs = {Verb::proxy}; }, {}, {}},
          {"another verb", [](auto& w) { w.verbs = {Verb::connect}; }, forbidden, "verbs"},
          {"one of two", [](auto& w) { w.verbs = {Verb::proxy, Verb::admin}; }, forbidden, "verbs"},
          {"no verbs", [](auto& w) { w.verbs = std::vector<Verb>{}; }, invalid_argument, "verbs"},
          {"a registration", [](auto& w) { w.registrations = ids<RegistrationId>({"crm"}); }, {}, {}},
          {"none", [](auto& w) { w.registrations = ids<RegistrationId>({}); }, {}, {}},
          {"another", [](auto& w) { w.registrations = ids<RegistrationId>({"mail"}); }, forbidden, "registrations"},
          {"a star", [](auto& w) { w.registrations = ids<RegistrationId>({"*"}); }, forbidden, "registrations"},
          {"a tenant", [](auto& w) { w.tenants = ids<TenantId>({"acme"}); }, {}, {}},
          {"another tenant", [](auto& w) { w.tenants = ids<TenantId>({"acme", "Acme"}); }, forbidden, "tenants"},
          {"all tenants", [](auto& w) { w.tenants = ids<TenantId>({"*"}); }, forbidden, "tenants"},
          {"a connection", [](auto& w) { w.connections = ids<ConnectionId>({"con_2"}); }, {}, {}},
          {"another", [](auto& w) { w.connections = ids<ConnectionId>({"con_3"}); }, forbidden, "connections"},
          {"all by silence", [](auto& w) { w.connections = ids<ConnectionId>({}); }, invalid_argument, "connections"},
          {"a method", [](auto& w) { w.methods = {"GET"}; }, {}, {}},
          {"HEAD goes with GET", [](auto& w) { w.methods = {"HEAD"}; }, {}, {}},
          {"another method", [](auto& w) { w.methods = {"GET", "DELETE"}; }, forbidden, "methods"},
          {"in small letters", [](auto& w) { w.methods = {"get"}; }, forbidden, "methods"},
          {"all methods", [](auto& w) { w.methods = std::vector<std::string>{}; }, invalid_argument, "methods"},
          {"a path", [](auto& w) { w.paths = {"/v3/query"}; }, {}, {}},
          {"below one", [](auto& w) { w.paths = {"/v3/company/7/invoice/1", "/v3/query/x"}; }, {}, {}},
          {"star under star", [](auto& w) { w.paths = {"/v3/company/*/invoice/*"}; }, {}, {}},
          {"above one", [](auto& w) { w.paths = {"/v3/company/*"}; }, forbidden, "paths"},
          {"beside one", [](auto& w) { w.paths = {"/v3/company/*/payment"}; }, forbidden, "paths"},
          {"star for a word", [](auto& w) { w.paths = {"/v3/*"}; }, forbidden, "paths"},
          {"everything", [](auto& w) { w.paths = {"/"}; }, forbidden, "paths"},
          {"no pattern", [](auto& w) { w.paths = {"/v3/query/../company"}; }, forbidden, "paths"},
          {"all paths", [](auto& w) { w.paths = std::vector<std::string>{}; }, invalid_argument, "paths"},
          {"a lower limit", [](auto& w) { w.requests_per_minute = 10; }, {}, {}},
          {"the same limit", [](auto& w) { w.requests_per_minute = 60; }, {}, {}},
          {"a higher one", [](auto& w) { w.requests_per_minute = 61; }, forbidden, "requests_per_minute"},
          {"no limit", [](auto& w) { w.requests_per_minute = 0; }, forbidden, "requests_per_minute"},
      });
}

TEST(Narrow, an_unlimited_key_gives_what_can_be_meant) {
  using enum Errc;
  expect_rows(everything(), {
                                {"verbs of an admin", [](auto& w) { w.verbs = {Verb::revoke, Verb::proxy}; }, {}, {}},
                                {"registrations", [](auto& w) { w.registrations = ids<RegistrationId>({"mail"}); }, {}, {}},
                                {"tenants", [](auto& w) { w.tenants = ids<TenantId>({"acme"}); }, {}, {}},
                                {"connections", [](auto& w) { w.connections = ids<ConnectionId>({"con_9"}); }, {}, {}},
                                {"not a connection", [](auto& w) { w.connections = ids<ConnectionId>({"*"}); },
                                 invalid_argument, "connections"},
                                {"methods", [](auto& w) { w.methods = {"DELETE"}; }, {}, {}},
                                {"not a method", [](auto& w) { w.methods = {"G T"}; }, invalid_argument, "methods"},
                                {"paths", [](auto& w) { w.paths = {"/a/*"}; }, {}, {}},
                                {"not a path", [](auto& w) { w.paths = {"a"}; }, invalid_argument, "paths"},
                                {"a limit", [](auto& w) { w.requests_per_minute = 5; }, {}, {}},
                            });
}

TEST(Narrow, narrowing_twice_is_never_wider_than_once) {
  WantedPolicy first;
  first.verbs = {Verb::proxy};
  first.paths = {"/v3/query"};
  const auto child = narrow(limited(), first);
  ASSERT_TRUE(child);
  EXPECT_EQ(child->verbs, std::vector{Verb::proxy});
  EXPECT_EQ(child->methods, limited().methods);
  WantedPolicy again;
  again.verbs = {Verb::token_read};
  EXPECT_FALSE(narrow(*child, again)) << "the grandparent had it";
  again = {};
  again.paths = {"/v3/company/1/invoice"};
  EXPECT_FALSE(narrow(*child, again));
}

}  // namespace
}  // namespace evergrant
