#include "oauth/user_info.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "support/fake_transport.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class UserInfoTest : public testing::Test {
 protected:
  UserInfoTest() {
    registration.client_id = "client";
    Provider& provider = registration.provider;
    provider.issuer = "https://id.example";
    provider.endpoints.jwks = "https://id.example/jwks";
    provider.endpoints.userinfo = "https://id.example/me";
    resolved = resolve_provider(provider, nullptr);
  }

  Result<json::object> ask(const std::string& subject = "user-1") {
    UserInfoQuestion question{.url = resolved.endpoints.userinfo,
                              .access_token = Secret{"at-canary"},
                              .realm = {},
                              .subject = subject,
                              .now = clock.now()};
    return run(executor, fetch_user_info(transport, directory, registration, resolved, std::move(question)));
  }
  Error refusal(const std::string& subject = "user-1") {
    const auto info = ask(subject);
    EXPECT_FALSE(info);
    if (info) return {};
    EXPECT_TRUE(info.error().message.starts_with("UserInfo: ")) << info.error().message;
    EXPECT_FALSE(info.error().message.contains("canary"));
    return info.error();
  }
  // Signed by `key`, of which the provider's set holds the public half where it is asked.
  void answer_signed(const SigningKey& signer, json::object claims, std::string_view typ = "") {
    transport.answer(http_answer(200, signer.sign(json::serialize(claims), typ).value(), "application/jwt; charset=UTF-8"));
  }
  Error refusal_of_text(std::string text) {
    transport.answer(http_answer(200, std::move(text), "application/jwt"));
    return refusal();
  }
  void answer_keys() { transport.answer(200, R"({"keys":[)" + key.public_jwk() + "]}"); }
  [[nodiscard]] json::object right_claims() const {
    return {{"iss", "https://id.example"}, {"aud", "client"}, {"sub", "user-1"}, {"email", "ada@example.com"}};
  }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  FakeTransport transport;
  std::unique_ptr<Log> log = Log::silent();
  Metrics metrics;
  ProviderDirectory directory{transport, clock, *log, metrics};
  SigningKey key = SigningKey::generate("ES256", "one").value();
  Registration registration;
  ResolvedProvider resolved;
};

TEST_F(UserInfoTest, is_asked_with_the_token_in_the_header_and_nowhere_else) {
  transport.answer(200, R"({"sub":"user-1","email":"ada@example.com"})");
  const auto info = ask();
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->at("email"), "ada@example.com");
  EXPECT_EQ(transport.last().method, "GET");
  EXPECT_EQ(transport.last().url, "https://id.example/me");
  EXPECT_EQ(transport.last().headers.find("Authorization"), "Bearer at-canary");
  EXPECT_TRUE(transport.last().body.empty());
  EXPECT_EQ(transport.last().address_rule, AddressRule::configured);
  registration.provider.metadata_mode = MetadataMode::discovery;
  registration.provider.endpoints = {};
  resolved.endpoints.userinfo = "https://elsewhere.example/me";
  transport.answer(200, R"({"sub":"user-1"})");
  EXPECT_TRUE(ask());
  EXPECT_EQ(transport.last().address_rule, AddressRule::remote) << "only a document named it";
}

TEST_F(UserInfoTest, must_speak_of_the_user_of_the_id_token) {
  for (const auto* body : {R"({"sub":"user-2"})", R"({"sub":"USER-1"})", R"({"sub":1})", R"({"email":"a@b"})", "{}"}) {
    transport.answer(200, body);
    const Error error = refusal();
    EXPECT_EQ(error.code, Errc::forbidden) << body;
    EXPECT_EQ(error.check, "sub") << body;
  }
  transport.answer(200, R"({"login":"octocat"})");
  EXPECT_TRUE(ask("")) << "there was no ID token to compare with";
}

TEST_F(UserInfoTest, every_other_answer_is_an_error_that_says_whether_to_try_again) {
  const std::pair<int, Errc> rows[] = {{401, Errc::unauthenticated},     {403, Errc::provider_rejected},
                                       {404, Errc::provider_rejected},   {302, Errc::provider_rejected},
                                       {204, Errc::provider_rejected},   {429, Errc::provider_unavailable},
                                       {503, Errc::provider_unavailable}};
  for (const auto& [status, code] : rows) {
    transport.answer(status, R"({"sub":"user-1"})");
    EXPECT_EQ(refusal().code, code) << status;
  }
  transport.refuse_connection();
  EXPECT_EQ(refusal().code, Errc::provider_unavailable);
  for (const auto* body : {"<html>", "[]", "", R"({"sub":"user-1","sub":"user-1"})"}) {
    transport.answer(200, body);
    EXPECT_EQ(refusal().code, Errc::provider_rejected) << body;
  }
}

TEST_F(UserInfoTest, the_reason_of_a_refusal_is_told) {
  HttpResponse response = http_answer(403, "");
  response.headers.add("WWW-Authenticate", R"(Bearer error="insufficient_scope", scope="openid email")");
  transport.answer(std::move(response));
  EXPECT_TRUE(refusal().message.contains("403: insufficient_scope (scope: openid email)"));
}

TEST_F(UserInfoTest, nothing_is_sent_without_an_endpoint_or_in_the_clear) {
  resolved.endpoints.userinfo = "";
  EXPECT_EQ(refusal().code, Errc::unsupported);
  resolved.endpoints.userinfo = "http://id.example/me";
  EXPECT_EQ(ask().error().code, Errc::invalid_argument);
  EXPECT_TRUE(transport.requests().empty());
}

TEST_F(UserInfoTest, a_signed_answer_is_verified_with_the_providers_keys) {
  registration.provider.id_token.algorithms = {"ES256"};
  answer_signed(key, right_claims());
  answer_keys();
  const auto info = ask();
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->at("email"), "ada@example.com");
}

TEST_F(UserInfoTest, a_signed_answer_that_is_not_ours_or_not_the_providers_is_refused) {
  registration.provider.id_token.algorithms = {"ES256"};
  const auto with = [&](std::string_view name, json::value value) {
    json::object claims = right_claims();
    claims[name] = std::move(value);
    return claims;
  };
  const auto without = [&](std::string_view name) {
    json::object claims = right_claims();
    claims.erase(name);
    return claims;
  };
  const std::int64_t past = to_epoch_ms(clock.now() - 2min) / 1000;
  const std::pair<json::object, std::string_view> rows[] = {
      {without("iss"), "iss"},       {with("iss", "https://other.example"), "iss"},        {without("aud"), "aud"},
      {with("aud", "other"), "aud"}, {with("aud", json::array{"client", "other"}), "aud"}, {with("exp", past), "exp"},
      {with("exp", "soon"), "exp"},  {with("events", json::object{}), "events"},           {without("sub"), "sub"},
      {with("sub", "user-2"), "sub"}};
  answer_signed(key, right_claims());
  answer_keys();
  EXPECT_TRUE(ask());
  for (const auto& [claims, check] : rows) {
    answer_signed(key, claims);
    const Error error = refusal();
    EXPECT_EQ(error.code, Errc::forbidden) << check;
    EXPECT_EQ(error.check, check);
  }
  answer_signed(key, right_claims(), "at+jwt");
  EXPECT_EQ(refusal().check, "typ");
  answer_signed(SigningKey::generate("ES256", "one").value(), right_claims());
  EXPECT_EQ(refusal().check, "signature");
  EXPECT_EQ(refusal_of_text("not.a.token").check, "format");
  EXPECT_EQ(refusal_of_text("eyJhbGciOiJub25lIn0.e30.").check, "alg");
  EXPECT_EQ(refusal_of_text("a.b.c.d.e").code, Errc::unsupported);
}

TEST_F(UserInfoTest, keys_that_cannot_be_had_prove_nothing) {
  registration.provider.id_token.algorithms = {"ES256"};
  answer_signed(key, right_claims());
  transport.answer(503, "");
  EXPECT_EQ(refusal().code, Errc::provider_unavailable);
}

TEST_F(UserInfoTest, claims_are_of_the_id_token_first_and_fit_to_be_shown) {
  registration.claims = {"email", "name", "age", "address", "verified", "none", "long"};
  const KnownUser user{.subject = "user-1", .claims = {{"email", "signed@example.com"}}};
  const json::object info = json::parse(R"({"email":"other@example.com","name":"Ada\u0007\u001b[31m<b>","age":36,
                                            "address":{"country":"US"},"verified":true,"surplus":"x"})")
                                .as_object();
  json::object longer = info;
  longer["long"] = std::string(2000, 'x');
  const auto kept = kept_claims(registration, user, longer);
  std::vector<std::string> names;
  for (const auto& [name, value] : kept) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"age", "email", "name", "verified"}));
  EXPECT_EQ(kept.at("email"), "signed@example.com");
  EXPECT_EQ(kept.at("age"), "36");
  EXPECT_EQ(kept.at("verified"), "true");
  EXPECT_EQ(kept.at("name"), printable("Ada\a\x1b[31m<b>"));
  for (const char c : kept.at("name")) EXPECT_GE(static_cast<unsigned char>(c), 0x20U);
}

struct Need {
  std::string_view what;
  std::vector<std::string> claims;
  RealmSource source;
  std::string subject;
  std::string issuer;
  std::string endpoint;
  bool needed;
};

TEST_F(UserInfoTest, is_asked_only_where_it_is_needed) {
  const std::string op = "https://id.example";
  const std::string url = "https://id.example/me";
  const Need rows[] = {
      {"no claims", {}, RealmSource::none, "user-1", op, url, false},
      {"a claim that the ID token had", {"email"}, RealmSource::none, "user-1", op, url, false},
      {"a claim that it had not", {"email", "name"}, RealmSource::none, "user-1", op, url, true},
      {"no endpoint", {"name"}, RealmSource::none, "user-1", op, "", false},
      {"nobody to compare with, at an OpenID provider", {"name"}, RealmSource::none, "", op, url, false},
      {"a plain OAuth server", {"name"}, RealmSource::none, "", "", url, true},
      {"the realm is there", {}, RealmSource::userinfo, "", op, url, true},
      {"the realm is there, and no endpoint: an error to come", {}, RealmSource::userinfo, "", op, "", true},
  };
  for (const auto& row : rows) {
    registration.claims = row.claims;
    registration.provider.realm.source = row.source;
    resolved.issuer = row.issuer;
    resolved.endpoints.userinfo = row.endpoint;
    const KnownUser user{.subject = row.subject, .claims = {{"email", "ada@example.com"}}};
    EXPECT_EQ(needs_user_info(registration, resolved, TokenSet{}, user), row.needed) << row.what;
  }
}

}  // namespace
}  // namespace evergrant::test
