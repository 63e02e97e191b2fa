// ID tokens that come with a refresh (REF-17, docs/adr/0003): a fault of theirs costs no tokens, another identity does.
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "crypto/jose.hpp"
#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class RefreshIdentityTest : public RefreshBench {
 protected:
  explicit RefreshIdentityTest(SecurityLevel security = SecurityLevel::baseline) {
    change_profile([security](Registration& registration) {
      registration.provider.issuer = "https://issuer.test";
      registration.provider.endpoints.jwks = "https://issuer.test/jwks";
      registration.security = security;
    });
    provider->key_set = R"({"keys":[)" + key.public_jwk() + "]}";
  }

  // A connection of `user-1`, and the ID token that its next refresh brings.
  void connect_user(const std::string& issuer, const std::string& subject, const SigningKey& signer,
                    const std::string& more_claims = {}) {
    connect("con_1");
    Connection known = row("con_1");
    TokenUpdate update;
    update.tokens = known.tokens;
    update.token_type = "Bearer";
    update.access_expires_at = known.access_expires_at;
    update.issuer = "https://issuer.test";
    update.subject = "user-1";
    update.at = clock.now();
    // Stored as connect does; the tokens are sealed again for the generation that a reconnect makes.
    TokenSet tokens;
    tokens.access_token = Secret{"at-con_1-1"};
    tokens.refresh_token = Secret{provider->refresh_token_of("con_1")};
    tokens.access_expires_at = known.access_expires_at;
    auto sealed = run(node().executor, node().service.seal_tokens(known, 2, std::move(tokens))).value();
    sealed.issuer = update.issuer;
    sealed.subject = update.subject;
    sealed.sign_in_nonce = hex_encode(sha256("n-1"));
    sealed.signed_in_at = from_epoch_ms(1'700'000'000'000);
    ASSERT_TRUE(run(node().executor, sqlite->reconnect(known.id, 1, std::move(sealed), std::nullopt, {})));
    let_pass(1h);
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch()).count();
    const std::string claims = R"({"iss":")" + issuer + R"(","sub":")" + subject + R"(","aud":"client","iat":)" +
                               std::to_string(now) + R"(,"exp":)" + std::to_string(now + 3600) + more_claims + "}";
    provider->more_members = R"(,"id_token":")" + signer.sign(claims).value() + '"';
  }

  std::ptrdiff_t events_of_type(std::string_view type) {
    const auto events = run(node().executor, sqlite->events({}, ConnectionId{"con_1"}, "", 10)).value().items;
    return std::ranges::count_if(events, [&](const Event& event) { return event.type == type; });
  }

  SigningKey key = SigningKey::generate("RS256", "k1").value();
};

class StrictRefreshIdentityTest : public RefreshIdentityTest {
 protected:
  StrictRefreshIdentityTest() : RefreshIdentityTest{SecurityLevel::strict} {}
};

TEST_F(RefreshIdentityTest, the_same_user_is_confirmed) {
  connect_user("https://issuer.test", "user-1", key);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(row("con_1").status, Status::active);
  const auto events = run(node().executor, sqlite->events({}, ConnectionId{"con_1"}, "", 10)).value().items;
  for (const Event& event : events) EXPECT_EQ(event.type, "refreshed");
}

TEST_F(RefreshIdentityTest, another_user_puts_the_connection_on_hold_and_the_refresh_token_is_kept) {
  connect_user("https://issuer.test", "user-2", key);
  EXPECT_EQ(text(read("con_1")), "quarantined");
  const Connection held = row("con_1");
  EXPECT_EQ(held.status, Status::quarantined);
  EXPECT_TRUE(held.tokens.access_token.empty());
  const auto kept =
      run(node().executor, node().vault.open(place_of(held, "refresh_token", held.generation), held.tokens.refresh_token));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->reveal(), provider->refresh_token_of("con_1"));
  EXPECT_EQ(text(read("con_1")), "quarantined");
  EXPECT_EQ(open_attempts(), 0U);
}

TEST_F(RefreshIdentityTest, the_nonce_and_the_time_of_the_sign_in_may_come_again) {
  connect_user("https://issuer.test", "user-1", key, R"(,"nonce":"n-1","auth_time":1700000000)");
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(events_of_type("id_token_not_checked"), 0);
}

TEST_F(RefreshIdentityTest, the_nonce_of_another_sign_in_puts_the_connection_on_hold) {
  connect_user("https://issuer.test", "user-1", key, R"(,"nonce":"n-2","auth_time":1700000000)");
  EXPECT_EQ(text(read("con_1")), "quarantined");
}

// Providers let it move when the user signs in again: no reason to stop a grant that works, unless the policy is strict.
TEST_F(RefreshIdentityTest, another_time_of_sign_in_stops_nothing) {
  connect_user("https://issuer.test", "user-1", key, R"(,"auth_time":1700000060)");
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(row("con_1").status, Status::active);
}

TEST_F(StrictRefreshIdentityTest, another_time_of_sign_in_puts_the_connection_on_hold) {
  connect_user("https://issuer.test", "user-1", key, R"(,"auth_time":1700000060)");
  EXPECT_EQ(text(read("con_1")), "quarantined");
}

TEST_F(RefreshIdentityTest, another_issuer_puts_the_connection_on_hold) {
  connect_user("https://evil.test", "user-1", key);
  EXPECT_EQ(text(read("con_1")), "quarantined");
}

TEST_F(RefreshIdentityTest, released_it_goes_on_with_the_kept_refresh_token) {
  connect_user("https://issuer.test", "user-2", key);
  read("con_1");
  provider->more_members.clear();
  ASSERT_TRUE(
      run(node().executor, sqlite->change_status(ConnectionId{"con_1"}, Status::quarantined, Status::active, "", {})));
  EXPECT_EQ(text(read("con_1")), "at-con_1-3");
}

TEST_F(RefreshIdentityTest, a_key_set_that_cannot_be_had_costs_no_tokens) {
  connect_user("https://issuer.test", "user-1", key);
  provider->key_set.clear();
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(row("con_1").status, Status::active);
}

TEST_F(RefreshIdentityTest, a_signature_by_a_key_that_nobody_knows_costs_no_tokens) {
  const SigningKey other = SigningKey::generate("RS256", "k2").value();
  connect_user("https://issuer.test", "user-1", other);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(events_of_type("id_token_not_checked"), 1);
}

}  // namespace
}  // namespace evergrant::test
