#include "oauth/token_endpoint.hpp"

#include <gtest/gtest.h>

#include <set>

#include "crypto/jose.hpp"
#include "oauth/client_keys.hpp"
#include "support/fake_transport.hpp"
#include "testing/seeded_random.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant {
namespace {

using namespace std::chrono_literals;
using test::http_answer;

const std::string success = R"({"access_token":"at-2","token_type":"bearer","expires_in":3600,"refresh_token":"rt-2"})";
const std::string token_url = "https://as.example/token";

class TokenEndpointTest : public testing::Test {
 protected:
  TokenEndpointTest() {
    registration.id = RegistrationId{"books"};
    registration.client_id = "client";
    registration.client_secrets.push_back({Secret{"new-secret"}, std::nullopt});
    registration.redirect_uri = "https://tokens.example.com/callback/books";
  }

  Result<RawTokenAnswer> exchange(std::string code = "c0de", std::string verifier = "ver1fier") {
    return test::run(executor,
                     endpoint.exchange_code(registration, token_url, Secret{code}, Secret{verifier}, {"read"}, 30s));
  }
  Result<RawTokenAnswer> refresh(std::string url = token_url) {
    return test::run(executor, endpoint.refresh(registration, url, Secret{"rt-1"}, {"read"}, 30s));
  }
  Parameters last_form() { return form_decode(transport.last().body).value(); }
  void use_two_secrets() { registration.client_secrets.push_back({Secret{"old-secret"}, std::nullopt}); }

  test::VirtualClock clock;
  test::VirtualExecutor executor{clock};
  test::FakeTransport transport;
  test::SeededRandom random;
  TokenEndpoint endpoint{transport, clock, random};
  Registration registration;
};

TEST_F(TokenEndpointTest, a_code_is_redeemed_with_the_verifier_and_redirect_uri_of_its_flow) {
  transport.answer(200, success);
  ASSERT_TRUE(exchange());
  const auto& request = transport.last();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, token_url);
  EXPECT_EQ(request.headers.find("Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request.headers.find("Accept"), "application/json");
  EXPECT_EQ(request.headers.find("Authorization"), "Basic " + base64_encode("client:new-secret"));
  EXPECT_EQ(last_form(), (Parameters{{"grant_type", "authorization_code"},
                                     {"code", "c0de"},
                                     {"redirect_uri", "https://tokens.example.com/callback/books"},
                                     {"code_verifier", "ver1fier"}}));
  EXPECT_EQ(request.timeout, 30s);
  EXPECT_FALSE(request.allow_loopback_http);
}

TEST_F(TokenEndpointTest, an_endpoint_that_only_a_document_names_is_asked_at_public_addresses_only) {
  registration.provider.metadata_mode = MetadataMode::discovery;
  registration.provider.issuer = "https://id.example";
  transport.answer(200, success);
  ASSERT_TRUE(exchange());
  EXPECT_EQ(transport.last().address_rule, AddressRule::remote);
  registration.provider.issuer = "https://as.example";
  transport.answer(200, success);
  ASSERT_TRUE(refresh());
  EXPECT_EQ(transport.last().address_rule, AddressRule::configured);
}

TEST_F(TokenEndpointTest, a_flow_without_challenge_sends_no_verifier) {
  transport.answer(200, success);
  ASSERT_TRUE(exchange("c0de", ""));
  EXPECT_EQ(count(last_form(), "code_verifier"), 0U);
}

TEST_F(TokenEndpointTest, a_refresh_sends_the_refresh_token_and_no_scope) {
  transport.answer(200, success);
  const auto answer = refresh();
  ASSERT_TRUE(answer);
  EXPECT_EQ(last_form(), (Parameters{{"grant_type", "refresh_token"}, {"refresh_token", "rt-1"}}));
  EXPECT_EQ(answer->response.body, success);
  EXPECT_EQ(answer->sent.scope, (std::vector<std::string>{"read"}));
  EXPECT_EQ(answer->sent.sent_at, clock.now());
}

TEST_F(TokenEndpointTest, odd_characters_in_tokens_are_encoded) {
  transport.answer(200, success);
  test::run(executor, endpoint.refresh(registration, token_url, Secret{"r t+/=&%"}, {}, 30s)).value();
  EXPECT_TRUE(transport.last().body.contains("refresh_token=r+t%2B%2F%3D%26%25")) << transport.last().body;
}

TEST_F(TokenEndpointTest, credentials_in_the_body_come_with_no_header) {
  registration.provider.token.client_auth = ClientAuth::post;
  transport.answer(200, success);
  ASSERT_TRUE(refresh());
  EXPECT_FALSE(transport.last().headers.find("Authorization"));
  EXPECT_EQ(single(last_form(), "client_id"), "client");
  EXPECT_EQ(single(last_form(), "client_secret"), "new-secret");
  EXPECT_FALSE(transport.last().url.contains("secret"));
}

TEST_F(TokenEndpointTest, headers_and_parameters_of_the_profile_are_sent) {
  registration.provider.token.headers = {{"x-include-refresh-token-hard-expires-in", "true"}};
  registration.provider.token.extra_parameters = {{"expiring", "1"}};
  transport.answer(200, success);
  ASSERT_TRUE(refresh());
  EXPECT_EQ(transport.last().headers.find("X-Include-Refresh-Token-Hard-Expires-In"), "true");
  EXPECT_EQ(single(last_form(), "expiring"), "1");
}

TEST_F(TokenEndpointTest, a_json_body_is_sent_where_the_profile_says_so) {
  registration.provider.token.body = BodyFormat::json;
  transport.answer(200, success);
  ASSERT_TRUE(refresh());
  EXPECT_EQ(transport.last().headers.find("Content-Type"), "application/json");
  EXPECT_EQ(transport.last().body, R"({"grant_type":"refresh_token","refresh_token":"rt-1"})");
}

TEST_F(TokenEndpointTest, a_parameter_is_never_sent_twice) {
  registration.provider.token.extra_parameters = {{"grant_type", "password"}};
  const auto answer = refresh();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::invalid_argument);
  EXPECT_TRUE(transport.requests().empty());
}

TEST_F(TokenEndpointTest, nothing_is_sent_to_an_endpoint_that_is_not_https) {
  for (const auto* url :
       {"http://as.example/token", "http://127.0.0.1/token", "", "ftp://as.example/", "https://a@b/token"}) {
    const auto answer = refresh(url);
    ASSERT_FALSE(answer) << url;
    EXPECT_EQ(answer.error().code, Errc::invalid_argument);
    EXPECT_FALSE(answer.error().message.contains("rt-1"));
  }
  EXPECT_TRUE(transport.requests().empty());
}

TEST_F(TokenEndpointTest, a_loopback_provider_may_speak_http_where_its_profile_allows_it) {
  registration.provider.allow_loopback_http = true;
  transport.answer(200, success);
  ASSERT_TRUE(refresh("http://127.0.0.1:9999/token"));
  EXPECT_TRUE(transport.last().allow_loopback_http);
}

TEST_F(TokenEndpointTest, an_authentication_method_that_is_not_offered_sends_nothing) {
  registration.provider.token.client_auth = ClientAuth::tls;
  EXPECT_EQ(refresh().error().code, Errc::unsupported);
  EXPECT_TRUE(transport.requests().empty());
}

TEST_F(TokenEndpointTest, a_provider_without_refresh_tokens_is_not_asked) {
  registration.provider.refresh.mode = RefreshMode::none;
  EXPECT_EQ(refresh().error().code, Errc::unsupported);
  EXPECT_TRUE(transport.requests().empty());
}

TEST_F(TokenEndpointTest, an_error_answer_is_an_answer) {
  transport.answer(400, R"({"error":"invalid_grant"})");
  const auto answer = refresh();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->response.status, 400);
}

TEST_F(TokenEndpointTest, failures_of_the_transport_are_handed_on_and_nothing_is_sent_again) {
  use_two_secrets();
  transport.refuse_connection();
  EXPECT_EQ(refresh().error().code, Errc::provider_unavailable);
  transport.fail(test::answer_was_lost());
  EXPECT_EQ(exchange().error().code, Errc::ambiguous);
  transport.answer(503, "");
  EXPECT_EQ(exchange()->response.status, 503);
  transport.answer(302, "");
  EXPECT_EQ(exchange()->response.status, 302);
  EXPECT_EQ(transport.requests().size(), 4U);
}

TEST_F(TokenEndpointTest, the_next_client_secret_is_tried_once_after_invalid_client) {
  use_two_secrets();
  registration.client_secrets.push_back({Secret{"oldest-secret"}, std::nullopt});
  transport.answer(401, R"({"error":"invalid_client"})");
  transport.answer(200, success);
  const auto answer = refresh();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->response.status, 200);
  ASSERT_EQ(transport.requests().size(), 2U);
  EXPECT_EQ(transport.requests()[1].headers.find("Authorization"), "Basic " + base64_encode("client:old-secret"));
  EXPECT_EQ(transport.requests()[1].headers.count("Authorization"), 1U);
  EXPECT_EQ(form_decode(transport.requests()[1].body), form_decode(transport.requests()[0].body));
}

TEST_F(TokenEndpointTest, a_third_secret_is_not_tried) {
  use_two_secrets();
  registration.client_secrets.push_back({Secret{"oldest-secret"}, std::nullopt});
  transport.answer(401, R"({"error":"invalid_client"})");
  transport.answer(401, R"({"error":"invalid_client"})");
  EXPECT_EQ(refresh()->response.status, 401);
  EXPECT_EQ(transport.requests().size(), 2U);
}

TEST_F(TokenEndpointTest, only_invalid_client_makes_it_try_another_secret) {
  use_two_secrets();
  const std::pair<int, std::string> rows[] = {{400, R"({"error":"invalid_grant"})"},
                                              {401, ""},
                                              {503, R"({"error":"invalid_client"})"},
                                              {400, R"({"error":"invalid_scope"})"},
                                              {200, R"({"access_to)"}};
  for (const auto& [status, body] : rows) {
    const auto before = transport.requests().size();
    transport.answer(status, body);
    EXPECT_EQ(refresh()->response.status, status);
    EXPECT_EQ(transport.requests().size(), before + 1) << body;
  }
}

TEST_F(TokenEndpointTest, the_second_try_stays_inside_the_time_of_the_first_and_counts_from_its_own_start) {
  use_two_secrets();
  transport.answer_after(10s, http_answer(401, R"({"error":"invalid_client"})"));
  transport.answer_after(5s, http_answer(200, success));
  const Time began = clock.now();
  const auto answer =
      test::run_through_time(executor, endpoint.refresh(registration, token_url, Secret{"rt-1"}, {"read"}, 30s));
  ASSERT_TRUE(answer);
  EXPECT_EQ(transport.requests()[1].timeout, 20s);
  EXPECT_EQ(answer->sent.sent_at, began + 10s);
}

// --- assertions -----------------------------------------------------------------------------------------------------------

std::string claim_of(const OutboundRequest& request, std::string_view name) {
  const auto assertion = single(form_decode(request.body).value(), "client_assertion").value_or("..");
  const auto first = assertion.find('.');
  const auto payload =
      base64url_decode(assertion.substr(first + 1, assertion.find('.', first + 1) - first - 1)).value_or("");
  const auto at = payload.find("\"" + std::string{name} + "\":");
  return payload.substr(at, payload.find_first_of(",}", at) - at);
}

class AssertingEndpointTest : public TokenEndpointTest {
 protected:
  AssertingEndpointTest() {
    registration.client_secrets.clear();
    registration.provider.issuer = "https://as.example";
    registration.provider.token.client_auth = ClientAuth::private_key_jwt;
    add_key(ClientKeyRole::current, "k1");
  }
  void add_key(ClientKeyRole role, std::string kid) {
    auto pem = SigningKey::generate("ES256", kid).value().to_pem().value();
    registration.client_keys.push_back(read_client_key(role, "ES256", std::move(kid), std::move(pem)).value());
  }
};

TEST_F(AssertingEndpointTest, each_request_has_an_assertion_that_no_other_had) {
  for (int i = 0; i < 3; ++i) transport.answer(200, success);
  ASSERT_TRUE(exchange());
  ASSERT_TRUE(refresh());
  ASSERT_TRUE(refresh());
  std::set<std::string> jtis;
  for (const auto& request : transport.requests()) {
    jtis.insert(claim_of(request, "jti"));
    EXPECT_FALSE(request.headers.find("Authorization"));
    EXPECT_EQ(count(form_decode(request.body).value(), "client_secret"), 0U);
  }
  EXPECT_EQ(jtis.size(), 3U);
  EXPECT_FALSE(jtis.contains(""));
}

TEST_F(AssertingEndpointTest, a_request_that_was_lost_and_comes_again_has_another_jti_and_a_new_time) {
  transport.fail(test::answer_was_lost());
  EXPECT_EQ(refresh().error().code, Errc::ambiguous);
  clock.advance(90s);
  transport.answer(200, success);
  ASSERT_TRUE(refresh());
  ASSERT_EQ(transport.requests().size(), 2U);
  for (const std::string_view name : {"jti", "iat", "exp"}) {
    EXPECT_NE(claim_of(transport.requests()[0], name), claim_of(transport.requests()[1], name)) << name;
  }
}

// The only second sending that happens without the engine: CA-11.
TEST_F(AssertingEndpointTest, the_second_sending_with_the_next_secret_has_an_assertion_of_its_own) {
  registration.client_keys.clear();
  registration.provider.token.client_auth = ClientAuth::secret_jwt;
  for (const char first : {'n', 'o'}) {
    registration.client_secrets.push_back({Secret{std::string{first} + "-secret-of-thirty-two-characters"}, std::nullopt});
  }
  transport.answer(401, R"({"error":"invalid_client"})");
  transport.answer(200, success);
  EXPECT_EQ(refresh()->response.status, 200);
  ASSERT_EQ(transport.requests().size(), 2U);
  EXPECT_NE(claim_of(transport.requests()[0], "jti"), claim_of(transport.requests()[1], "jti"));
  const auto assertion = single(form_decode(transport.requests()[1].body).value(), "client_assertion").value();
  EXPECT_TRUE(verify_jws_hmac(assertion, registration.client_secrets[1].value, {"HS256"}));
}

// JWK-07: the key before is published, not used. A provider that refuses the new one is an operator's matter (CA-12).
TEST_F(AssertingEndpointTest, no_other_key_is_tried_where_the_current_one_is_refused) {
  add_key(ClientKeyRole::previous, "k0");
  transport.answer(401, R"({"error":"invalid_client"})");
  EXPECT_EQ(refresh()->response.status, 401);
  EXPECT_EQ(transport.requests().size(), 1U);
}

TEST_F(AssertingEndpointTest, two_servers_that_share_a_token_endpoint_get_assertions_that_the_other_refuses) {
  for (int i = 0; i < 2; ++i) transport.answer(200, success);
  ASSERT_TRUE(refresh());
  registration.provider.issuer = "https://evil.example";
  ASSERT_TRUE(refresh());
  EXPECT_EQ(claim_of(transport.requests()[0], "aud"), R"("aud":"https://as.example")");
  EXPECT_EQ(claim_of(transport.requests()[1], "aud"), R"("aud":"https://evil.example")");
}

// --- journal ------------------------------------------------------------------------------------------------------------

RawTokenAnswer odd_answer() {
  RawTokenAnswer answer;
  answer.response.status = 200;
  for (int i = 0; i < 256; ++i) answer.response.body += static_cast<char>(i);
  answer.response.headers.add("Content-Type", "application/json");
  answer.response.headers.add("X-Odd", "\xFF\x01\"\\");
  answer.response.headers.add("X-Odd", "twice");
  answer.sent.sent_at = from_epoch_ms(1'767'225'600'123);
  answer.sent.scope = {"read", "w\"rite", "é"};
  return answer;
}

TEST(TokenJournal, an_answer_comes_back_as_it_was_with_every_byte) {
  const auto answer = odd_answer();
  const auto back = from_journal(to_journal(answer));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->response.status, answer.response.status);
  EXPECT_EQ(back->response.body, answer.response.body);
  EXPECT_EQ(back->response.headers.all(), answer.response.headers.all());
  EXPECT_EQ(back->sent.sent_at, answer.sent.sent_at);
  EXPECT_EQ(back->sent.scope, answer.sent.scope);
}

TEST(TokenJournal, an_empty_answer_and_the_largest_one_come_back) {
  RawTokenAnswer answer;
  answer.response.status = 204;
  EXPECT_EQ(from_journal(to_journal(answer))->response.status, 204);
  answer.response.body.assign(1U << 20U, '\xEE');
  EXPECT_EQ(from_journal(to_journal(answer))->response.body, answer.response.body);
}

TEST(TokenJournal, the_verdict_is_the_same_before_and_after) {
  RawTokenAnswer answer;
  answer.response = http_answer(200, success);
  answer.response.headers.add("intuit_tid", "1-x");
  answer.sent.sent_at = from_epoch_ms(1'767'225'600'000);
  Provider provider;
  provider.token.correlation_headers = {"intuit_tid"};
  const auto back = from_journal(to_journal(answer));
  ASSERT_TRUE(back);
  const auto verdict = judge_token_answer(back->response, provider, back->sent, back->sent.sent_at);
  ASSERT_TRUE(verdict.tokens);
  EXPECT_EQ(verdict.tokens->access_token.reveal(), "at-2");
  EXPECT_EQ(verdict.tokens->access_expires_at, answer.sent.sent_at + 1h);
  EXPECT_EQ(verdict.correlation, "1-x");
}

TEST(TokenJournal, a_truncated_or_foreign_entry_is_an_error_that_shows_nothing) {
  RawTokenAnswer answer;
  answer.response = http_answer(200, R"({"access_token":"canary"})");
  const auto journal = to_journal(answer);
  for (std::size_t length = 0; length < journal.size(); ++length) {
    const auto back = from_journal(Secret{journal.reveal().substr(0, length)});
    ASSERT_FALSE(back) << length;
    EXPECT_FALSE(back.error().message.contains("canary"));
  }
  for (const auto* text : {"{}", "[]", "null", R"({"version":2,"sent_at":1,"scope":[],"status":200,"headers":[],"body":""})",
                           R"({"version":1,"sent_at":1,"scope":[],"status":200,"headers":[["YQ=="]],"body":""})",
                           R"({"version":1,"sent_at":1,"scope":[1],"status":200,"headers":[],"body":""})",
                           R"({"version":1,"sent_at":"1","scope":[],"status":200,"headers":[],"body":""})",
                           // An end counted from such an instant overflows.
                           R"({"version":1,"sent_at":9223372036854775807,"scope":[],"status":200,"headers":[],"body":""})",
                           R"({"version":1,"sent_at":-1,"scope":[],"status":200,"headers":[],"body":""})",
                           R"({"version":1,"sent_at":1,"scope":[],"status":4294967496,"headers":[],"body":""})",
                           R"({"version":1,"sent_at":1,"scope":[],"status":200,"headers":[],"body":"%"})"}) {
    EXPECT_FALSE(from_journal(Secret{text})) << text;
  }
  EXPECT_TRUE(from_journal(Secret{R"({"version":1,"sent_at":1,"scope":[],"status":200,"headers":[],"body":""})"}));
}

}  // namespace
}  // namespace evergrant
