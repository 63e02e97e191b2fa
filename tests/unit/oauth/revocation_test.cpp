#include "oauth/revocation.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/encoding.hpp"
#include "crypto/jose.hpp"
#include "support/fake_transport.hpp"
#include "testing/seeded_random.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant {
namespace {

using namespace std::chrono_literals;
using test::http_answer;

const std::string revoke_url = "https://as.example/revoke";

Registration books(RevokeStyle style) {
  Registration registration;
  registration.id = RegistrationId{"books"};
  registration.client_id = "client";
  registration.client_secrets.push_back({Secret{"s3cret"}, std::nullopt});
  registration.provider.revoke.style = style;
  return registration;
}

OutboundRequest build(const Registration& registration, const std::string& url = revoke_url,
                      TokenKind kind = TokenKind::refresh) {
  auto request = build_revocation(registration, url, Secret{"t/0 k"}, kind);
  EXPECT_TRUE(request) << (request ? "" : request.error().message);
  return request ? std::move(*request) : OutboundRequest{};
}

const std::string basic = "Basic " + base64_encode("client:s3cret");

TEST(BuildRevocation, rfc7009_is_a_form_with_a_hint_and_client_authentication) {
  const auto request = build(books(RevokeStyle::rfc7009));
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, revoke_url);
  EXPECT_EQ(request.body, "token=t%2F0+k&token_type_hint=refresh_token");
  EXPECT_EQ(request.headers.find("Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request.headers.find("Authorization"), basic);
  EXPECT_TRUE(build(books(RevokeStyle::rfc7009), revoke_url, TokenKind::access).body.ends_with("hint=access_token"));
}

TEST(BuildRevocation, an_endpoint_that_only_a_document_names_is_asked_at_public_addresses_only) {
  auto registration = books(RevokeStyle::rfc7009);
  EXPECT_EQ(build(registration).address_rule, AddressRule::configured);
  registration.provider.metadata_mode = MetadataMode::discovery;
  registration.provider.issuer = "https://id.example";
  EXPECT_EQ(build(registration).address_rule, AddressRule::remote);
}

TEST(BuildRevocation, rfc7009_with_credentials_in_the_body) {
  auto registration = books(RevokeStyle::rfc7009);
  registration.provider.token.client_auth = ClientAuth::post;
  const auto request = build(registration);
  EXPECT_EQ(request.body, "token=t%2F0+k&token_type_hint=refresh_token&client_id=client&client_secret=s3cret");
  EXPECT_FALSE(request.headers.find("Authorization"));
}

TEST(BuildRevocation, intuits_style_is_json) {
  const auto request = build(books(RevokeStyle::json));
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.body, R"({"token":"t/0 k"})");
  EXPECT_EQ(request.headers.find("Content-Type"), "application/json");
  EXPECT_EQ(request.headers.find("Authorization"), basic);
}

TEST(BuildRevocation, squares_style_is_json_with_an_authorization_of_its_own) {
  auto registration = books(RevokeStyle::json);
  registration.provider.revoke.token_parameter = "access_token";
  registration.provider.revoke.extra_parameters = {{"client_id", "{client_id}"}};
  registration.provider.revoke.authorization = "Client {client_secret}";
  const auto request = build(registration);
  EXPECT_EQ(request.body, R"({"access_token":"t/0 k","client_id":"client"})");
  EXPECT_EQ(request.headers.find("Authorization"), "Client s3cret");
  EXPECT_EQ(request.headers.count("Authorization"), 1U);
}

TEST(BuildRevocation, hubspots_style_has_the_token_in_the_path) {
  const auto request = build(books(RevokeStyle::delete_path), "https://as.example/refresh-tokens/{token}");
  EXPECT_EQ(request.method, "DELETE");
  EXPECT_EQ(request.url, "https://as.example/refresh-tokens/t%2F0%20k");
  EXPECT_EQ(request.body, "");
}

TEST(BuildRevocation, a_client_secret_never_goes_into_a_url) {
  for (const auto style : {RevokeStyle::delete_path, RevokeStyle::query}) {
    auto registration = books(style);
    registration.provider.token.client_auth = ClientAuth::post;
    const auto url = style == RevokeStyle::query ? revoke_url : "https://as.example/{token}";
    const auto request = build(registration, url);
    EXPECT_FALSE(request.url.contains("s3cret"));
    EXPECT_FALSE(request.headers.find("Authorization"));
    EXPECT_EQ(request.body, "");
  }
}

TEST(BuildRevocation, githubs_style_is_a_delete_with_a_json_body) {
  auto registration = books(RevokeStyle::delete_path);
  registration.provider.revoke.token_parameter = "access_token";
  const auto request = build(registration, "https://api.example/applications/{client_id}/token");
  EXPECT_EQ(request.method, "DELETE");
  EXPECT_EQ(request.url, "https://api.example/applications/client/token");
  EXPECT_EQ(request.body, R"({"access_token":"t/0 k"})");
  EXPECT_EQ(request.headers.find("Authorization"), basic);
}

TEST(BuildRevocation, the_query_style_keeps_the_endpoints_own_query) {
  EXPECT_EQ(build(books(RevokeStyle::query)).url, revoke_url + "?token=t%2F0+k");
  EXPECT_EQ(build(books(RevokeStyle::query), revoke_url + "?a=1").url, revoke_url + "?a=1&token=t%2F0+k");
  EXPECT_EQ(build(books(RevokeStyle::query)).method, "POST");
}

TEST(BuildRevocation, dropboxs_style_is_the_access_token_itself) {
  const auto request = build(books(RevokeStyle::self_bearer), revoke_url, TokenKind::access);
  EXPECT_EQ(request.headers.find("Authorization"), "Bearer t/0 k");
  EXPECT_EQ(request.body, "");
  EXPECT_EQ(build_revocation(books(RevokeStyle::self_bearer), revoke_url, Secret{"t"}, TokenKind::refresh).error().code,
            Errc::unsupported);
}

TEST(BuildRevocation, without_a_way_to_revoke_it_is_unsupported) {
  EXPECT_EQ(build_revocation(books(RevokeStyle::none), revoke_url, Secret{"t"}, TokenKind::refresh).error().code,
            Errc::unsupported);
  EXPECT_EQ(build_revocation(books(RevokeStyle::rfc7009), "", Secret{"t"}, TokenKind::refresh).error().code,
            Errc::unsupported);
}

TEST(BuildRevocation, an_endpoint_that_is_not_https_is_refused_without_showing_the_token) {
  const auto request =
      build_revocation(books(RevokeStyle::query), "http://as.example/r", Secret{"canary"}, TokenKind::refresh);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code, Errc::invalid_argument);
  EXPECT_FALSE(request.error().message.contains("canary"));
}

struct JudgeRow {
  int status;
  std::string_view body;
  RevocationOutcome outcome;
  std::string_view detail;
};

TEST(JudgeRevocation, by_status_and_code) {
  using enum RevocationOutcome;
  const JudgeRow rows[] = {{200, "", revoked, "200"},
                           {200, "<html>", revoked, "200"},
                           {200, R"({"error":"invalid_token"})", revoked, "200 invalid_token"},
                           {202, "", revoked, "202"},
                           {204, "", revoked, "204"},
                           {400, "", assumed, "400"},  // Intuit: dead already
                           {400, R"({"error":"invalid_grant"})", assumed, "400 invalid_grant"},
                           {400, R"({"error":"invalid_token"})", assumed, "400 invalid_token"},
                           {401, "", assumed, "401"},
                           {403, "", assumed, "403"},
                           {404, R"({"message":"Not Found"})", assumed, "404"},
                           {410, "", assumed, "410"},
                           {400, R"({"error":"unsupported_token_type"})", unsupported, "400 unsupported_token_type"},
                           {401, R"({"error":"invalid_client"})", try_again, "401 invalid_client"},
                           {400, R"({"error":"unauthorized_client"})", try_again, "400 unauthorized_client"},
                           {400, R"({"error":"unsupported_grant_type"})", try_again, "400 unsupported_grant_type"},
                           {405, "", try_again, "405"},
                           {415, "", try_again, "415"},
                           {302, "", try_again, "302"},
                           {408, "", try_again, "408"},
                           {429, R"({"error":"invalid_token"})", try_again, "429 invalid_token"},
                           {500, "", try_again, "500"},
                           {503, R"({"error":"invalid_token"})", try_again, "503 invalid_token"}};
  const Provider provider;
  for (const auto& row : rows) {
    const auto verdict = judge_revocation(http_answer(row.status, std::string{row.body}), provider, Time{});
    EXPECT_EQ(static_cast<int>(verdict.outcome), static_cast<int>(row.outcome)) << row.detail;
    EXPECT_EQ(verdict.detail, row.detail);
  }
}

TEST(JudgeRevocation, the_profile_says_which_statuses_mean_gone) {
  Provider provider;
  provider.revoke.gone_statuses = {404};
  EXPECT_EQ(judge_revocation(http_answer(400, ""), provider, Time{}).outcome, RevocationOutcome::try_again);
  EXPECT_EQ(judge_revocation(http_answer(404, ""), provider, Time{}).outcome, RevocationOutcome::assumed);
}

TEST(JudgeRevocation, slacks_failures_come_with_200) {
  Provider provider;
  provider.token.failure_members = {"ok=false"};
  provider.errors.terminal = {"token_revoked"};
  EXPECT_EQ(judge_revocation(http_answer(200, R"({"ok":true,"revoked":true})"), provider, Time{}).outcome,
            RevocationOutcome::revoked);
  EXPECT_EQ(judge_revocation(http_answer(200, R"({"ok":false,"error":"token_revoked"})"), provider, Time{}).outcome,
            RevocationOutcome::assumed);
  EXPECT_EQ(judge_revocation(http_answer(200, R"({"ok":false,"error":"ratelimited"})"), provider, Time{}).outcome,
            RevocationOutcome::try_again);
}

TEST(JudgeRevocation, retry_after_and_correlation_are_kept) {
  Provider provider;
  provider.token.correlation_headers = {"intuit_tid"};
  auto response = http_answer(503, "");
  response.headers.add("Retry-After", "7");
  response.headers.add("intuit_tid", "1-x");
  const auto verdict = judge_revocation(response, provider, Time{});
  EXPECT_EQ(verdict.retry_after, 7s);
  EXPECT_EQ(verdict.correlation, "1-x");
}

class RevocationEndpointTest : public testing::Test {
 protected:
  RevocationOutcome revoke(const char* refresh, const char* access, std::string url = revoke_url) {
    std::optional<Secret> refresh_token;
    std::optional<Secret> access_token;
    if (refresh != nullptr) refresh_token.emplace(refresh);
    if (access != nullptr) access_token.emplace(access);
    verdict = test::run(executor, endpoint.revoke(registration, {url, "https://as.example/token"}, std::move(refresh_token),
                                                  std::move(access_token)));
    return verdict.outcome;
  }
  // What was sent, in order: "rt refresh_token".
  std::vector<std::string> sent() {
    std::vector<std::string> all;
    for (const auto& request : transport.requests()) {
      const auto form = form_decode(request.body).value();
      all.push_back(single(form, "token").value_or("-") + " " + single(form, "token_type_hint").value_or("-"));
    }
    return all;
  }

  using Sent = std::vector<std::string>;
  test::VirtualClock clock;
  test::VirtualExecutor executor{clock};
  test::FakeTransport transport;
  test::SeededRandom random;
  RevocationEndpoint endpoint{transport, clock, random};
  Registration registration = books(RevokeStyle::rfc7009);
  RevocationVerdict verdict;
};

TEST_F(RevocationEndpointTest, one_token_is_enough_where_it_ends_the_whole_grant) {
  transport.answer(200, "");
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::revoked);
  EXPECT_EQ(sent(), (Sent{"rt refresh_token"}));
}

TEST_F(RevocationEndpointTest, intuits_empty_400_is_the_end_of_it) {
  transport.answer(400, "");
  EXPECT_EQ(revoke("rt", nullptr), RevocationOutcome::assumed);
  EXPECT_EQ(sent(), (Sent{"rt refresh_token"}));
}

TEST_F(RevocationEndpointTest, the_access_token_ends_a_grant_whose_refresh_token_was_replaced_unseen) {
  transport.answer(400, "");
  transport.answer(200, "");
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::revoked);
  EXPECT_EQ(sent(), (Sent{"rt refresh_token", "at access_token"}));
}

TEST_F(RevocationEndpointTest, a_dead_refresh_token_stands_where_the_access_token_says_no_more) {
  for (const int status : {400, 401, 503}) {
    transport.answer(400, "");
    transport.answer(status, "");
    EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::assumed) << status;
    EXPECT_EQ(verdict.detail, "400");
  }
}

TEST_F(RevocationEndpointTest, both_are_told_in_the_profiles_order_where_each_ends_only_itself) {
  registration.provider.revoke.cascade = Cascade::one;
  transport.answer(200, "");
  transport.answer(400, "");
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::revoked);
  EXPECT_EQ(sent(), (Sent{"rt refresh_token", "at access_token"}));
}

TEST_F(RevocationEndpointTest, the_access_token_goes_first_where_the_profile_says_so) {
  registration.provider.revoke.cascade = Cascade::one;
  registration.provider.revoke.order = RevokeOrder::access_first;
  transport.answer(400, "");
  transport.answer(200, "");
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::revoked);
  EXPECT_EQ(sent(), (Sent{"at access_token", "rt refresh_token"}));
}

TEST_F(RevocationEndpointTest, what_is_still_open_makes_the_whole_thing_try_again) {
  registration.provider.revoke.cascade = Cascade::one;
  transport.answer(200, "");
  transport.answer(503, "");
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::try_again);
  EXPECT_EQ(verdict.detail, "503");
}

TEST_F(RevocationEndpointTest, after_a_failure_the_second_is_not_tried) {
  registration.provider.revoke.cascade = Cascade::one;
  transport.answer(503, "");
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::try_again);
  EXPECT_EQ(sent().size(), 1U);
}

TEST_F(RevocationEndpointTest, an_unsupported_token_type_leads_to_the_other_token) {
  transport.answer(400, R"({"error":"unsupported_token_type"})");
  transport.answer(200, "");
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::revoked);
  EXPECT_EQ(sent(), (Sent{"rt refresh_token", "at access_token"}));
}

TEST_F(RevocationEndpointTest, without_another_token_it_leads_to_the_other_hint_once) {
  transport.answer(400, R"({"error":"unsupported_token_type"})");
  transport.answer(400, R"({"error":"unsupported_token_type"})");
  EXPECT_EQ(revoke("rt", nullptr), RevocationOutcome::unsupported);
  EXPECT_EQ(sent(), (Sent{"rt refresh_token", "rt access_token"}));
}

TEST_F(RevocationEndpointTest, a_lone_token_is_sent_once_also_where_tokens_do_not_cascade) {
  registration.provider.revoke.cascade = Cascade::one;
  transport.answer(200, "");
  EXPECT_EQ(revoke(nullptr, "at"), RevocationOutcome::revoked);
  EXPECT_EQ(sent(), (Sent{"at access_token"}));
}

TEST_F(RevocationEndpointTest, empty_tokens_are_no_tokens) {
  EXPECT_EQ(revoke("", ""), RevocationOutcome::unsupported);
  EXPECT_EQ(revoke(nullptr, nullptr), RevocationOutcome::unsupported);
  EXPECT_TRUE(transport.requests().empty());
}

TEST_F(RevocationEndpointTest, a_provider_without_revocation_is_not_asked) {
  EXPECT_EQ(revoke("rt", "at", ""), RevocationOutcome::unsupported);
  registration.provider.revoke.style = RevokeStyle::none;
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::unsupported);
  EXPECT_TRUE(transport.requests().empty());
}

TEST_F(RevocationEndpointTest, a_style_by_access_token_uses_only_that) {
  registration.provider.revoke.style = RevokeStyle::self_bearer;
  transport.answer(200, "");
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::revoked);
  EXPECT_EQ(transport.last().headers.find("Authorization"), "Bearer at");
  EXPECT_EQ(revoke("rt", nullptr), RevocationOutcome::unsupported);
  EXPECT_EQ(transport.requests().size(), 1U);
}

TEST_F(RevocationEndpointTest, any_failure_of_the_transport_is_tried_again) {
  transport.refuse_connection();
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::try_again);
  transport.fail(test::answer_was_lost());
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::try_again);
  EXPECT_FALSE(verdict.detail.empty());
}

TEST_F(RevocationEndpointTest, the_next_client_secret_is_tried_after_invalid_client) {
  registration.client_secrets.push_back({Secret{"older"}, std::nullopt});
  transport.answer(401, R"({"error":"invalid_client"})");
  transport.answer(200, "");
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::revoked);
  EXPECT_EQ(transport.last().headers.find("Authorization"), "Basic " + base64_encode("client:older"));
  EXPECT_EQ(sent(), (Sent{"rt refresh_token", "rt refresh_token"}));
}

// One more for the second token: RFC 7009 2.1 has the client authenticate each time.
TEST_F(RevocationEndpointTest, each_revocation_has_an_assertion_for_the_server_and_not_for_its_revocation_endpoint) {
  registration.client_secrets.clear();
  registration.client_secrets.push_back({Secret{"a-secret-of-thirty-two-characters"}, std::nullopt});
  registration.provider.token.client_auth = ClientAuth::secret_jwt;
  registration.provider.token.assertion_audience = AssertionAudience::token_endpoint;
  registration.provider.revoke.cascade = Cascade::one;
  transport.answer(200, "");
  transport.answer(200, "");
  EXPECT_EQ(revoke("rt", "at"), RevocationOutcome::revoked);
  std::set<std::string> claims;
  for (const auto& request : transport.requests()) {
    const auto assertion = single(form_decode(request.body).value(), "client_assertion").value();
    const auto verified = verify_jws_hmac(assertion, registration.client_secrets[0].value, {"HS256"});
    ASSERT_TRUE(verified);
    EXPECT_TRUE(verified->payload.contains(R"("aud":"https://as.example/token")")) << verified->payload;
    claims.insert(verified->payload);
  }
  EXPECT_EQ(claims.size(), 2U);
}

TEST_F(RevocationEndpointTest, an_assertion_that_has_no_place_is_not_left_out) {
  registration.provider.token.client_auth = ClientAuth::private_key_jwt;
  for (const bool by_query : {true, false}) {
    registration.provider.revoke.style = by_query ? RevokeStyle::query : RevokeStyle::delete_path;
    EXPECT_EQ(revoke("rt", "at", by_query ? revoke_url : "https://as.example/tokens/{token}"),
              RevocationOutcome::unsupported);
  }
  EXPECT_TRUE(transport.requests().empty());
}

}  // namespace
}  // namespace evergrant
