#include "oauth/authorization_request.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

namespace evergrant {
namespace {

Registration books() {
  Registration registration;
  registration.id = RegistrationId{"books"};
  registration.client_id = "client 1";
  registration.redirect_uri = "https://tokens.example.com/callback/books";
  registration.scopes = {"com.intuit.quickbooks.accounting", "openid"};
  registration.return_urls = {"https://app.example.com/connect/", "https://app.example.com/exact?x=1",
                              "https://port.example.com:8443/", "http://localhost:3000/"};
  return registration;
}

FlowSecrets known_secrets() {
  FlowSecrets secrets;
  secrets.state = Secret{"st-ate_1"};
  secrets.verifier = Secret{"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"};  // RFC 7636 appendix B
  return secrets;
}

std::string build(const Registration& registration, std::string endpoint, std::vector<std::string> scope,
                  const FlowSecrets& secrets, std::string login_hint = {}) {
  auto url = build_authorization_url(
      registration, {.authorize_endpoint = std::move(endpoint), .scope = std::move(scope), .login_hint = login_hint},
      secrets);
  return url ? *url : "error: " + url.error().message;
}

TEST(AuthorizationRequest, the_url_of_a_plain_flow_is_exactly_this) {
  EXPECT_EQ(build(books(), "https://as.example/authorize", {"a:b/c+d", "openid"}, known_secrets()),
            "https://as.example/authorize?response_type=code&client_id=client+1"
            "&redirect_uri=https%3A%2F%2Ftokens.example.com%2Fcallback%2Fbooks&scope=a%3Ab%2Fc%2Bd+openid&state=st-ate_1"
            "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256");
}

TEST(AuthorizationRequest, an_endpoint_keeps_its_own_query) {
  auto registration = books();
  registration.provider.authorize.pkce = Presence::omit;
  registration.redirect_uri = "https://t.example/c";
  const std::string rest = "response_type=code&client_id=client+1&redirect_uri=https%3A%2F%2Ft.example%2Fc&state=st-ate_1";
  EXPECT_EQ(build(registration, "https://as.example/a?x=1", {}, known_secrets()), "https://as.example/a?x=1&" + rest);
  EXPECT_EQ(build(registration, "https://as.example/a?x=%C3%A9&", {}, known_secrets()),
            "https://as.example/a?x=%C3%A9&" + rest);
  EXPECT_EQ(build(registration, "https://as.example/a?", {}, known_secrets()), "https://as.example/a?" + rest);
}

TEST(AuthorizationRequest, profile_names_separators_and_extras_are_used) {
  auto registration = books();
  auto& profile = registration.provider.authorize;
  profile.pkce = Presence::omit;
  profile.scope_separator = ",";
  profile.scope_parameter = "user_scope";
  profile.extra_parameters = {{"access_type", "offline"}, {"prompt", "consent"}, {"removed", ""}};
  profile.response_mode = ResponseMode::form_post;
  registration.provider.token.client_id_parameter = "client_key";
  auto secrets = known_secrets();
  secrets.nonce = Secret{"n-1"};
  EXPECT_EQ(build(registration, "https://as.example/a", {"x", "y"}, secrets, "jo é@example.com"),
            "https://as.example/a?response_type=code&client_key=client+1"
            "&redirect_uri=https%3A%2F%2Ftokens.example.com%2Fcallback%2Fbooks&user_scope=x%2Cy&state=st-ate_1&nonce=n-1"
            "&response_mode=form_post&login_hint=jo+%C3%A9%40example.com&access_type=offline&prompt=consent");
}

TEST(AuthorizationRequest, no_parameter_is_ever_sent_twice) {
  EXPECT_TRUE(build(books(), "https://as.example/a?state=fixed", {}, known_secrets()).contains("'state' twice"));
  EXPECT_TRUE(build(books(), "https://as.example/a?st%61te=fixed", {}, known_secrets()).contains("'state' twice"));
  EXPECT_TRUE(build(books(), "https://as.example/a?x=1&x=2", {}, known_secrets()).contains("'x' twice"));
  auto registration = books();
  registration.provider.authorize.extra_parameters = {{"scope", "everything"}};
  EXPECT_TRUE(build(registration, "https://as.example/a", {"x"}, known_secrets()).contains("'scope' twice"));
}

TEST(AuthorizationRequest, endpoints_that_are_not_https_are_refused) {
  for (const auto* endpoint : {"http://as.example/a", "javascript:alert(1)", "data:text/html,x", "https://as.example/a#f",
                               "", "//as.example/a", "https://user@as.example/a", "https:///a", "http://127.0.0.1/a"}) {
    EXPECT_TRUE(build(books(), endpoint, {}, known_secrets()).starts_with("error: ")) << endpoint;
  }
  auto registration = books();
  registration.provider.allow_loopback_http = true;
  EXPECT_TRUE(build(registration, "http://127.0.0.1:9/a", {}, known_secrets()).starts_with("http://127.0.0.1:9/a?"));
}

TEST(AuthorizationRequest, prompts_and_max_age_that_make_no_sense_are_refused) {
  const std::pair<std::string, std::string> rows[] = {{"prompt", "none consent"}, {"max_age", "soon"}, {"max_age", "-1"}};
  for (const auto& row : rows) {
    auto registration = books();
    registration.provider.authorize.extra_parameters = {row};
    EXPECT_TRUE(build(registration, "https://as.example/a", {}, known_secrets()).starts_with("error: ")) << row.second;
  }
  auto registration = books();
  registration.provider.authorize.extra_parameters = {{"prompt", "none"}, {"max_age", "300"}};
  EXPECT_TRUE(build(registration, "https://as.example/a", {}, known_secrets()).ends_with("max_age=300&prompt=none"));
}

TEST(AuthorizationRequest, a_flow_never_goes_out_without_the_pkce_that_its_profile_asks_for) {
  FlowSecrets secrets;
  secrets.state = Secret{"st"};
  for (const auto pkce : {Presence::require, Presence::send}) {
    auto registration = books();
    registration.provider.authorize.pkce = pkce;
    EXPECT_TRUE(build(registration, "https://as.example/a", {}, secrets).starts_with("error: "));
  }
}

TEST(AuthorizationRequest, a_flow_without_state_is_refused) {
  FlowSecrets secrets = known_secrets();
  secrets.state = Secret{};
  EXPECT_TRUE(build(books(), "https://as.example/a", {}, secrets).starts_with("error: "));
}

TEST(FlowSecretsTest, what_the_profile_omits_is_not_made) {
  SystemRandom random;
  auto registration = books();
  const std::vector<std::string> with_openid{"openid"};
  registration.provider.authorize.pkce = Presence::omit;
  registration.provider.authorize.nonce = Presence::omit;
  EXPECT_TRUE(make_flow_secrets(registration, with_openid, random).verifier.empty());
  EXPECT_TRUE(make_flow_secrets(registration, with_openid, random).nonce.empty());
  for (const auto presence : {Presence::require, Presence::send}) {
    registration.provider.authorize.pkce = presence;
    registration.provider.authorize.nonce = presence;
    EXPECT_EQ(make_flow_secrets(registration, with_openid, random).verifier.size(), 43U);
    EXPECT_EQ(make_flow_secrets(registration, with_openid, random).nonce.size(), 43U);
    EXPECT_TRUE(make_flow_secrets(registration, {"read"}, random).nonce.empty());
  }
}

TEST(FlowSecretsTest, states_are_url_safe_and_never_repeat) {
  SystemRandom random;
  const auto registration = books();
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const auto secrets = make_flow_secrets(registration, {}, random);
    const std::string state{secrets.state.reveal()};
    ASSERT_EQ(state.size(), 43U);
    ASSERT_EQ(percent_encode(state), state);
    ASSERT_TRUE(seen.insert(state).second);
    ASSERT_NE(secrets.verifier.reveal(), state);
  }
}

TEST(ChooseScope, all_configured_scopes_unless_the_caller_narrows_them) {
  EXPECT_EQ(choose_scope(books(), {}), books().scopes);
  EXPECT_EQ(choose_scope(books(), {"openid"}), (std::vector<std::string>{"openid"}));
  EXPECT_EQ(choose_scope(books(), {"openid", "openid"}), (std::vector<std::string>{"openid"}));
}

TEST(ChooseScope, the_profiles_defaults_stand_in_for_scopes_that_nobody_configured) {
  auto registration = books();
  registration.scopes.clear();
  registration.provider.authorize.default_scopes = {"basic"};
  EXPECT_EQ(choose_scope(registration, {}), (std::vector<std::string>{"basic"}));
  EXPECT_FALSE(choose_scope(registration, {"openid"}));
}

TEST(ChooseScope, a_caller_cannot_widen_and_the_first_wrong_scope_is_named) {
  const auto chosen = choose_scope(books(), {"openid", "payments", "payroll"});
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, Errc::invalid_argument);
  EXPECT_TRUE(chosen.error().message.contains("payments"));
  EXPECT_FALSE(chosen.error().message.contains("payroll"));
  EXPECT_FALSE(choose_scope(books(), {""}));
  EXPECT_FALSE(choose_scope(books(), {"OpenID"}));
}

TEST(ReturnUrl, what_the_allow_list_opens_is_allowed) {
  for (const auto* url : {"https://app.example.com/connect/", "https://app.example.com/connect/done",
                          "https://app.example.com/connect/a/b?c=d", "HTTPS://APP.example.com/connect/x",
                          "https://app.example.com:443/connect/x", "https://app.example.com/exact?x=1",
                          "https://port.example.com:8443", "https://port.example.com:8443/any", "http://localhost:3000/x",
                          "https://app.example.com/connect/a%20b", "https://app.example.com/connect/..a"}) {
    EXPECT_TRUE(check_return_url(books(), url)) << url;
  }
}

TEST(ReturnUrl, everything_else_is_refused) {
  const std::string rows[] = {
      "",
      "/connect/",
      "//evil.example/connect/",
      "\\evil.example",
      "\\\\evil.example\\connect",
      "https:evil.example",
      "https:/app.example.com/connect/",
      "https:///app.example.com/connect/",
      "https:\\\\app.example.com/connect/",
      "https://evil.example/connect/",
      "https://evil.example\\@app.example.com/connect/",
      "https://app.example.com@evil.example/connect/",
      "https://app.example.com:x@evil.example/connect/",
      "https://user@app.example.com/connect/",
      "https://app.example.com.evil.example/connect/",
      "https://app.example.com%2eevil.example/connect/",
      "https://app.example.com%00.evil.example/connect/",
      "https://app\u3002example\uFF0Ecom/connect/",
      "https://app%E3%80%82example.com/connect/",
      "https://\u0430pp.example.com/connect/",
      "https://app.example.com/connect/\r\nSet-Cookie: a=b",
      "https://app.example.com/connect/%0d%0aSet-Cookie:a",
      "https://app.example.com/connect/\tx",
      " https://app.example.com/connect/",
      "https://app.example.com/connect/ x",
      "https://app.example.com/connect",
      "https://app.example.com/Connect/",
      "https://app.example.com/connecting/",
      "https://app.example.com/",
      "https://app.example.com/connect/../admin",
      "https://app.example.com/connect/./x",
      "https://app.example.com/connect/..",
      "https://app.example.com/connect/%2e%2e/admin",
      "https://app.example.com/connect/.%2E/admin",
      "https://app.example.com/connect/%252e%252e/admin",
      "https://app.example.com/connect/..%2fadmin",
      "https://app.example.com/connect/..%5cadmin",
      "https://app.example.com/connect/x#fragment",
      "https://app.example.com:8443/connect/",
      "https://app.example.com:0/connect/",
      "https://app.example.com:99999/connect/",
      "http://app.example.com/connect/",
      "https://app.example.com/exact",
      "https://app.example.com/exact?x=2",
      "https://app.example.com/exact?x=1&y=2",
      "https://app.example.com/exact/?x=1",
      "https://port.example.com/",
      "http://localhost/",
      "http://localhost:3000@evil.example/",
      "http://127.0.0.1:3000/",
      "javascript://app.example.com/connect/%0aalert(1)",
      "javascript:alert(1)",
      "data:text/html,x",
      "file:///etc/passwd",
      "myapp://app.example.com/connect/",
      "https://app.example.com/connect/" + std::string(3000, 'a'),
      std::string{"https://app.example.com/connect/\0x", 34},
  };
  for (const auto& url : rows) {
    const auto checked = check_return_url(books(), url);
    ASSERT_FALSE(checked) << url;
    EXPECT_EQ(checked.error().code, Errc::invalid_argument);
    EXPECT_FALSE(checked.error().hint.empty());
    EXPECT_FALSE(checked.error().message.contains('\n'));
  }
}

TEST(ReturnUrl, an_empty_allow_list_allows_nothing) {
  auto registration = books();
  registration.return_urls.clear();
  const auto checked = check_return_url(registration, "https://app.example.com/connect/");
  ASSERT_FALSE(checked);
  EXPECT_TRUE(checked.error().hint.contains("no return_urls"));
}

TEST(ReturnUrl, a_host_that_begins_like_an_address_is_not_that_address) {
  Registration registration = books();
  registration.return_urls = {"http://127.0.0.1/", "http://127.0.0.1.evil.example/back/"};
  EXPECT_TRUE(check_return_url(registration, "http://127.0.0.1/done"));
  EXPECT_FALSE(check_return_url(registration, "http://127.0.0.1.evil.example/"));
  EXPECT_FALSE(check_return_url(registration, "http://127.0.0.1.evil.example/back/"));
}

TEST(ReturnUrl, an_entry_that_is_no_url_opens_nothing) {
  auto registration = books();
  registration.return_urls = {"/", "https:", "https://", "*", "https://*/"};
  EXPECT_FALSE(check_return_url(registration, "https://app.example.com/"));
}

}  // namespace
}  // namespace evergrant
