#include <gtest/gtest.h>

#include "support/connect_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class Import : public ConnectBench {
 protected:
  Errc refusal(Connector::ImportRequest asked) {
    const auto made = import(std::move(asked));
    EXPECT_FALSE(made);
    return made ? Errc::internal : made.error().code;
  }
};

TEST_F(Import, tokens_become_a_connection_without_asking_the_provider) {
  auto asked = tokens_of("a-1");
  asked.access_expires_at = clock.now() + 1h;
  asked.refresh_absolute_expires_at = clock.now() + 24h * 365;
  asked.scope = {"read"};
  const auto made = import(std::move(asked));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->realm, RealmId{"a-1"});
  EXPECT_EQ(row(made->id).scope, std::vector<std::string>{"read"});
  EXPECT_EQ(row(made->id).refresh_absolute_expires_at, clock.now() + 24h * 365);
  EXPECT_EQ(read(made->id), "at-a-1");
  EXPECT_TRUE(fake.requests().empty());
  EXPECT_EQ(events(), std::vector<std::string>{"imported"});
}

TEST_F(Import, a_refresh_token_alone_is_refreshed_at_the_first_read) {
  auto asked = tokens_of("a-1");
  asked.access_token = {};
  const auto made = import(std::move(asked));
  ASSERT_TRUE(made);
  fake.answer(200, answer_with("at-2", "rt-2"));
  EXPECT_EQ(read(made->id), "at-2");
  EXPECT_TRUE(fake.last().body.contains("refresh_token=rt-a-1"));
}

TEST_F(Import, what_cannot_be_a_connection_is_refused) {
  auto unknown = tokens_of("a-1");
  unknown.registration = RegistrationId{"nobody"};
  EXPECT_EQ(refusal(std::move(unknown)), Errc::invalid_argument);
  auto reserved = tokens_of("a-1");
  reserved.tenant = TenantId{"@evergrant"};
  EXPECT_EQ(refusal(std::move(reserved)), Errc::invalid_argument);
  auto empty = tokens_of("a-1");
  empty.access_token = {};
  empty.refresh_token = {};
  EXPECT_EQ(refusal(std::move(empty)), Errc::invalid_argument);
  for (const auto& realm :
       {std::string{}, std::string{"."}, std::string{".."}, std::string{"a\x01"}, std::string(501, 'a')}) {
    EXPECT_EQ(refusal(tokens_of(realm)), Errc::invalid_argument) << realm;
  }
  auto unverifiable = tokens_of("a-1");
  unverifiable.refresh_token = {};
  unverifiable.verify = true;
  EXPECT_EQ(refusal(std::move(unverifiable)), Errc::invalid_argument);
  EXPECT_TRUE(rows().empty());
}

TEST_F(Import, a_realm_has_one_live_connection) {
  const auto first = imported("a-1");
  EXPECT_EQ(refusal(tokens_of("a-1")), Errc::conflict);
  auto rival = tokens_of("a-1");
  rival.tenant = TenantId{"rival"};
  EXPECT_EQ(refusal(std::move(rival)), Errc::conflict);
  EXPECT_EQ(row(first.id).tenant, TenantId{"acme"});
}

TEST_F(Import, verification_refreshes_once) {
  auto asked = tokens_of("a-1");
  asked.verify = true;
  fake.answer(200, answer_with("at-2", "rt-2"));
  const auto made = import(std::move(asked));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->generation, 2);
  EXPECT_EQ(made->status, Status::active);
  EXPECT_EQ(fake.requests().size(), 1U);
  EXPECT_EQ(read(made->id), "at-2");
}

TEST_F(Import, a_refresh_token_that_is_refused_for_good_is_taken_back) {
  fake_one.provider.refresh.confirm_invalid_grant = 1;
  auto asked = tokens_of("a-1");
  asked.access_token = {};
  asked.verify = true;
  fake.otherwise([](const OutboundRequest&) { return TransportAnswer{http_answer(400, R"({"error":"invalid_grant"})")}; });
  const auto made = import(std::move(asked));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::reauth_required);
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows().front().status, Status::revoked);
  EXPECT_TRUE(rows().front().tokens.refresh_token.empty());
  EXPECT_TRUE(outbox(rows().front().id).empty()) << "there is nothing to revoke";
  EXPECT_TRUE(import(tokens_of("a-1"))) << "the realm is free again";
}

TEST_F(Import, a_provider_that_cannot_be_asked_costs_no_token) {
  auto asked = tokens_of("a-1");
  asked.verify = true;
  fake.otherwise([](const OutboundRequest&) { return TransportAnswer{std::unexpected(nothing_was_sent())}; });
  const auto made = import(std::move(asked));
  ASSERT_FALSE(made);
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_TRUE(made.error().message.contains(rows().front().id.str())) << made.error().message;
  EXPECT_EQ(rows().front().status, Status::active);
  EXPECT_FALSE(rows().front().tokens.refresh_token.empty());
}

}  // namespace
}  // namespace evergrant::test
