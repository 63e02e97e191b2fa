#include "sandbox/client_assertions.hpp"

#include <functional>
#include <limits>

#include "oauth/client_assertion.hpp"
#include "oauth/client_keys.hpp"
#include "unit/sandbox/sandbox_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view issuer = "https://as.example";

class ClientAssertionsTest : public testing::Test {
 protected:
  ClientAssertionsTest() {
    auto pem = SigningKey::generate("ES256", "").value().to_pem().value();
    ours_.client_id = "client";
    ours_.provider.issuer = issuer;
    ours_.provider.token.client_auth = ClientAuth::private_key_jwt;
    ours_.client_keys.push_back(read_client_key(ClientKeyRole::current, "ES256", "one", std::move(pem)).value());
    client_.client_id = "client";
    client_.auth_method = "private_key_jwt";
    client_.jwks = public_key_set(ours_).value();
  }
  Parameters form(std::string jti = "a", Duration age = Duration{0}) {
    const AssertionFacts facts{.token_url = "https://as.example/token", .now = clock_.now() - age, .jti = std::move(jti)};
    return form_of(make_client_assertion(ours_, Secret{}, facts).value());
  }
  static Parameters form_of(std::string assertion) {
    return {{"client_id", "client"},
            {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
            {"client_assertion", std::move(assertion)}};
  }
  // An assertion of these claims, well signed.
  Parameters form_with(const boost::json::object& claims) {
    return form_of(sign_with(ours_.client_keys[0], boost::json::serialize(claims), "JWT").value());
  }
  [[nodiscard]] boost::json::object claims() const {
    const auto now = to_epoch_ms(clock_.now()) / 1000;
    return {{"iss", "client"}, {"sub", "client"}, {"aud", issuer}, {"jti", "x"}, {"iat", now}, {"exp", now + 60}};
  }
  std::string fault(const Parameters& form) { return judge_.fault_of(form, client_, std::string{issuer}); }

  VirtualClock clock_;
  ClientAssertions judge_{clock_};
  Registration ours_;
  SandboxClient client_;
};

TEST_F(ClientAssertionsTest, what_evergrant_sends_is_taken_once) {
  EXPECT_EQ(fault(form("a")), "");
  EXPECT_EQ(fault(form("b")), "");
  EXPECT_EQ(fault(form("a")), "the jti came before");
}

TEST_F(ClientAssertionsTest, each_rule_of_the_standard_refuses) {
  const auto now = to_epoch_ms(clock_.now()) / 1000;
  struct ClaimRow {
    std::string_view why;
    std::function<void(boost::json::object&)> spoil;
  };
  const ClaimRow rows[] = {
      {"iss and sub", [](auto& c) { c["iss"] = "another"; }},
      {"iss and sub", [](auto& c) { c["sub"] = "another"; }},
      {"iss and sub", [](auto& c) { c.erase("sub"); }},
      {"aud is not", [](auto& c) { c["aud"] = "https://as.example/token"; }},
      {"aud is not", [](auto& c) { c["aud"] = boost::json::array{issuer}; }},
      {"aud is not", [](auto& c) { c.erase("aud"); }},
      {"exp is missing", [](auto& c) { c.erase("exp"); }},
      {"exp is missing", [now](auto& c) { c["exp"] = now; }},
      {"exp is too far", [now](auto& c) { c["exp"] = now + 400; }},
      {"exp is too far", [](auto& c) { c["exp"] = std::numeric_limits<std::int64_t>::max() / 1000 + 1; }},
      {"exp is missing", [](auto& c) { c["exp"] = std::numeric_limits<std::int64_t>::min(); }},
      {"iat is missing", [](auto& c) { c.erase("iat"); }},
      {"iat is missing", [now](auto& c) { c["iat"] = now + 30; }},
      {"jti is missing", [](auto& c) { c.erase("jti"); }},
      {"jti is missing", [](auto& c) { c["jti"] = ""; }},
  };
  for (const auto& row : rows) {
    auto spoilt = claims();
    row.spoil(spoilt);
    const auto found = fault(form_with(spoilt));
    EXPECT_TRUE(found.starts_with(row.why)) << row.why << " / " << found;
  }
  EXPECT_EQ(fault(form_with(claims())), "");
}

TEST_F(ClientAssertionsTest, another_key_another_type_or_two_assertions_are_refused) {
  auto wrong_type = form();
  wrong_type[1].second = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
  EXPECT_TRUE(fault(wrong_type).contains("client_assertion_type"));
  auto twice = form();
  twice.push_back(twice.back());
  EXPECT_TRUE(fault(twice).contains("client_assertion_type"));
  auto pem = SigningKey::generate("ES256", "").value().to_pem().value();
  ours_.client_keys[0] = read_client_key(ClientKeyRole::current, "ES256", "one", std::move(pem)).value();
  EXPECT_TRUE(fault(form()).contains("signature"));
}

TEST_F(ClientAssertionsTest, an_assertion_is_over_after_its_minute) {
  EXPECT_EQ(fault(form("a", 59s)), "");
  EXPECT_TRUE(fault(form("b", 61s)).starts_with("exp"));
}

// The whole point of publishing before use: nothing is asked for again before its time.
TEST_F(ClientAssertionsTest, a_key_set_is_kept_for_as_long_as_its_answer_said) {
  client_.jwks.clear();
  client_.jwks_uri = "https://tokens.example/jwks/books";
  const Time now = clock_.now();
  EXPECT_TRUE(judge_.needs_keys(client_, now));
  EXPECT_TRUE(fault(form("a")).contains("no key set"));
  HttpResponse answer{.status = 200, .headers = {}, .body = public_key_set(ours_).value()};
  answer.headers.add("Cache-Control", "public, max-age=900");
  judge_.keep_keys(client_, answer, now);
  EXPECT_EQ(fault(form("b")), "");
  EXPECT_FALSE(judge_.needs_keys(client_, now + 899s));
  EXPECT_TRUE(judge_.needs_keys(client_, now + 900s));
  auto moved = client_;
  moved.jwks_uri += "/elsewhere";
  EXPECT_TRUE(judge_.needs_keys(moved, now));
  judge_.keep_keys(client_, fail(Errc::provider_unavailable, "down"), now + 900s);
  EXPECT_TRUE(fault(form("c")).contains("no key set"));
}

// --- through the endpoints -----------------------------------------------------------------------------------------------

class SandboxKeys : public SandboxBench, public testing::Test {};

TEST_F(SandboxKeys, a_client_that_signs_is_known_by_nothing_else) {
  ASSERT_EQ(sandbox
                .control("POST", "/clients",
                         R"({"client_id":"sandbox-client","auth_method":"client_secret_jwt",)"
                         R"("client_secret":"a-secret-of-thirty-two-characters"})")
                .status,
            200);
  Registration ours;
  ours.client_id = "sandbox-client";
  ours.provider.issuer = "http://127.0.0.1:9500";
  ours.provider.token.client_auth = ClientAuth::secret_jwt;
  const Secret secret{"a-secret-of-thirty-two-characters"};
  const auto asserting = [&](std::string jti) {
    const AssertionFacts facts{.token_url = {}, .now = clock.now(), .jti = std::move(jti)};
    return Parameters{{"grant_type", "refresh_token"},
                      {"refresh_token", "unknown"},
                      {"client_id", "sandbox-client"},
                      {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
                      {"client_assertion", make_client_assertion(ours, secret, facts).value()}};
  };
  EXPECT_EQ(token(asserting("a"), {}).status, 400);  // the client is known, its refresh token is not
  EXPECT_EQ(token(asserting("a"), {}).status, 401);
  EXPECT_EQ(token(asserting("b"), basic("sandbox-client", secret.reveal())).status, 401);
  auto both = asserting("c");
  both.emplace_back("client_secret", std::string{secret.reveal()});
  EXPECT_EQ(token(both, {}).status, 401);
  EXPECT_EQ(
      token({{"grant_type", "refresh_token"}, {"refresh_token", "x"}}, basic("sandbox-client", secret.reveal())).status,
      401);
}

TEST_F(SandboxKeys, what_a_client_cannot_be_set_to_is_refused) {
  for (const auto* body : {R"({"client_id":"a","auth_method":"tls"})", R"({"client_id":"a","jwks":"text"})",
                           R"({"client_id":"a","jwks":{"no":"keys"}})", R"({"client_id":"a","jwks_uri":7})"}) {
    EXPECT_EQ(sandbox.control("POST", "/clients", body).status, 400) << body;
  }
}

}  // namespace
}  // namespace evergrant::test
