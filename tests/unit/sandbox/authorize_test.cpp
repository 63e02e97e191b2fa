#include <gtest/gtest.h>

#include "sandbox_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

struct SandboxAuthorize : ::testing::Test, SandboxBench {
  static std::string between(const std::string& text, std::string_view before, std::string_view after) {
    const auto start = text.find(before);
    if (start == std::string::npos) return {};
    const auto end = text.find(after, start + before.size());
    return text.substr(start + before.size(), end - start - before.size());
  }
  static std::string form_token(const HttpResponse& page) { return between(page.body, "name=\"form\" value=\"", "\""); }
  static std::string cookie(const HttpResponse& page) {
    const std::string header{page.headers.find("set-cookie").value_or("")};
    return header.substr(0, header.find(';'));
  }
  HttpResponse answer(const Parameters& form, const std::string& with_cookie) {
    Headers headers;
    headers.add("Content-Type", "application/x-www-form-urlencoded");
    if (!with_cookie.empty()) headers.add("Cookie", with_cookie);
    return post("/authorize/consent", form_encode(form), headers);
  }
  HttpResponse page(std::string_view scope = accounting) { return authorize(authorization("", scope)); }

  static Parameters without(Parameters parameters, std::string_view name) {
    std::erase_if(parameters, [&](const auto& parameter) { return parameter.first == name; });
    return parameters;
  }
  static Parameters with(Parameters parameters, std::string_view name, std::string value) {
    for (auto& parameter : parameters) {
      if (parameter.first == name) parameter.second = std::move(value);
    }
    return parameters;
  }
};

TEST_F(SandboxAuthorize, a_hint_gives_consent_without_a_page) {
  const HttpResponse response = authorize(authorization("realm:4620816365000000042"));
  EXPECT_EQ(response.status, 303);
  EXPECT_TRUE(response.headers.find("location")->starts_with(std::string{callback} + "?code="));
  EXPECT_EQ(returned(response, "state"), "client-state");
  EXPECT_EQ(returned(response, "realmId"), "4620816365000000042");
  EXPECT_EQ(returned(response).size(), 3U) << "no iss unless it is switched on";
}

TEST_F(SandboxAuthorize, a_hint_can_deny) {
  const HttpResponse response = authorize(authorization("deny"));
  EXPECT_EQ(response.status, 303);
  EXPECT_EQ(returned(response), (Parameters{{"error", "access_denied"}, {"state", "client-state"}}));
}

TEST_F(SandboxAuthorize, hints_are_ignored_by_switch_and_when_they_are_something_else) {
  EXPECT_EQ(authorize(authorization("ada@example.com")).status, 200);
  EXPECT_EQ(authorize(authorization("realm:<script>")).status, 200);
  set(R"({"auto_consent_by_hint":false})");
  EXPECT_EQ(authorize(authorization("realm:1")).status, 200);
}

TEST_F(SandboxAuthorize, the_realm_is_returned_for_accounting_and_payment_scopes_only) {
  EXPECT_EQ(returned(authorize(authorization("realm:1", "com.intuit.quickbooks.payment")), "realmId"), "1");
  EXPECT_EQ(count(returned(authorize(authorization("realm:1", "openid email"))), "realmId"), 0U);
}

TEST_F(SandboxAuthorize, the_iss_parameter_comes_by_switch_with_codes_and_with_errors) {
  set(R"({"iss_parameter":true})");
  EXPECT_EQ(returned(authorize(authorization("realm:1")), "iss"), "http://127.0.0.1:9500");
  EXPECT_EQ(returned(authorize(authorization("deny")), "iss"), "http://127.0.0.1:9500");
  EXPECT_EQ(json(get("/.well-known/openid_configuration")).at("authorization_response_iss_parameter_supported"), true);
}

TEST_F(SandboxAuthorize, an_untrusted_client_or_redirect_uri_never_redirects) {
  const Parameters good = authorization("realm:1");
  for (const auto& bad :
       {with(good, "client_id", "nobody"), without(good, "client_id"), without(good, "redirect_uri"),
        with(good, "redirect_uri", "https://evil.example/"), with(good, "redirect_uri", "http://127.0.0.1.evil.example/"),
        with(good, "redirect_uri", "http://127.0.0.1@evil.example/"), with(good, "redirect_uri", "javascript:alert(1)"),
        with(good, "redirect_uri", "http://127.0.0.1/#x")}) {
    SCOPED_TRACE(form_encode(bad));
    const HttpResponse response = authorize(bad);
    EXPECT_EQ(response.status, 400);
    EXPECT_FALSE(response.headers.find("location"));
  }
}

TEST_F(SandboxAuthorize, registered_redirect_uris_compare_character_by_character) {
  sandbox.control("POST", "/clients", R"({"client_id":"exact","redirect_uris":["https://app.example/cb"]})");
  const Parameters asked = with(authorization("realm:1"), "client_id", "exact");
  EXPECT_EQ(authorize(with(asked, "redirect_uri", "https://app.example/cb")).status, 303);
  for (const auto* uri : {"https://app.example/cb/", "https://app.example/CB", "https://app.example/cb?x=1",
                          "http://127.0.0.1:8000/callback/sandbox"}) {
    EXPECT_EQ(authorize(with(asked, "redirect_uri", uri)).status, 400) << uri;
  }
}

TEST_F(SandboxAuthorize, other_flaws_are_told_to_the_client) {
  const Parameters good = authorization("realm:1");
  auto twice = good;
  twice.emplace_back("state", "again");
  auto plain = good;
  plain.emplace_back("code_challenge", std::string(43, 'c'));
  struct Case {
    Parameters parameters;
    std::string_view error;
  };
  for (const auto& [parameters, error] :
       {Case{with(good, "response_type", "token"), "unsupported_response_type"},
        Case{without(good, "response_type"), "invalid_request"}, Case{without(good, "state"), "invalid_request"},
        Case{without(good, "scope"), "invalid_scope"}, Case{with(good, "scope", "openid everything"), "invalid_scope"},
        Case{twice, "invalid_request"}, Case{plain, "invalid_request"}}) {
    const HttpResponse response = authorize(parameters);
    EXPECT_EQ(response.status, 303);
    EXPECT_EQ(returned(response, "error"), error);
    EXPECT_EQ(count(returned(response), "code"), 0U);
  }
}

TEST_F(SandboxAuthorize, pkce_is_demanded_and_advertised_by_switch) {
  EXPECT_FALSE(json(get("/.well-known/openid_configuration")).contains("code_challenge_methods_supported"));
  set(R"({"pkce":"required"})");
  EXPECT_EQ(returned(authorize(authorization("realm:1")), "error"), "invalid_request");
  EXPECT_TRUE(json(get("/.well-known/openid_configuration")).contains("code_challenge_methods_supported"));
}

TEST_F(SandboxAuthorize, the_page_lists_companies_and_its_connect_button_gives_a_code) {
  const HttpResponse shown = page();
  EXPECT_EQ(shown.status, 200);
  EXPECT_NE(shown.body.find("Sandbox Company US 1"), std::string::npos);
  const HttpResponse answered =
      answer({{"form", form_token(shown)}, {"realm", std::string{realm}}, {"new_realm", ""}, {"decision", "connect"}},
             cookie(shown));
  EXPECT_EQ(answered.status, 303);
  EXPECT_EQ(returned(answered, "realmId"), realm);
  EXPECT_EQ(redeem(returned(answered, "code")).status, 200);
}

TEST_F(SandboxAuthorize, a_typed_realm_wins_over_the_list_and_gets_a_company) {
  const HttpResponse shown = page();
  const HttpResponse answered =
      answer({{"form", form_token(shown)}, {"realm", std::string{realm}}, {"new_realm", " 99 "}, {"decision", "connect"}},
             cookie(shown));
  EXPECT_EQ(returned(answered, "realmId"), "99");
  EXPECT_NE(page().body.find("Sandbox Company 99"), std::string::npos);
}

TEST_F(SandboxAuthorize, the_cancel_button_denies) {
  const HttpResponse shown = page();
  const HttpResponse answered = answer({{"form", form_token(shown)}, {"decision", "cancel"}}, cookie(shown));
  EXPECT_EQ(returned(answered), (Parameters{{"error", "access_denied"}, {"state", "client-state"}}));
}

TEST_F(SandboxAuthorize, a_page_is_answered_once_by_its_own_browser_in_time) {
  const HttpResponse shown = page();
  const HttpResponse foreign = page();
  const Parameters form{{"form", form_token(shown)}, {"realm", "1"}, {"decision", "connect"}};
  EXPECT_EQ(answer(form, "").status, 403) << "another site's form has no cookie";
  EXPECT_EQ(answer(form, cookie(foreign)).status, 403);
  EXPECT_EQ(answer({{"form", "guess"}, {"realm", "1"}, {"decision", "connect"}}, cookie(shown)).status, 403);
  EXPECT_EQ(answer({{"realm", "1"}, {"decision", "connect"}}, cookie(shown)).status, 403);
  EXPECT_EQ(answer(form, cookie(shown)).status, 303);
  EXPECT_EQ(answer(form, cookie(shown)).status, 403) << "answered already";
  clock.advance(10min);
  EXPECT_EQ(answer({{"form", form_token(foreign)}, {"realm", "1"}, {"decision", "connect"}}, cookie(foreign)).status, 403);
}

TEST_F(SandboxAuthorize, two_pages_in_one_browser_do_not_disturb_each_other) {
  const HttpResponse first = page();
  Headers headers;
  headers.add("Cookie", cookie(first));
  const HttpResponse second = get("/authorize?" + form_encode(authorization("")), headers);
  EXPECT_EQ(cookie(second), cookie(first));
  for (const auto* shown : {&first, &second}) {
    EXPECT_EQ(answer({{"form", form_token(*shown)}, {"realm", "1"}, {"decision", "connect"}}, cookie(*shown)).status, 303);
  }
}

TEST_F(SandboxAuthorize, a_realm_of_odd_characters_is_refused_and_the_page_stays_open) {
  const HttpResponse shown = page();
  EXPECT_EQ(answer({{"form", form_token(shown)}, {"new_realm", "a/b"}, {"decision", "connect"}}, cookie(shown)).status, 400);
  EXPECT_EQ(answer({{"form", form_token(shown)}, {"new_realm", "ab"}, {"decision", "connect"}}, cookie(shown)).status, 303);
}

TEST_F(SandboxAuthorize, nothing_from_outside_becomes_markup) {
  set(R"({"extra_scopes":["<b>scope"]})");
  sandbox.control("POST", "/clients", R"({"client_id":"<img src=x>","any_loopback_redirect":true})");
  sandbox.control("POST", "/grants", R"({"realm":"harmless"})");
  Parameters evil = with(with(authorization("\"><script>alert(1)</script>", "<b>scope"), "client_id", "<img src=x>"),
                         "state", "\"><script>alert(2)</script>");
  const HttpResponse shown = authorize(evil);
  EXPECT_EQ(shown.status, 200);
  const HttpResponse refused = authorize(with(evil, "redirect_uri", "http://x.example/\"><script>"));
  for (const auto* text : {&shown.body, &refused.body}) {
    EXPECT_EQ(text->find("<script"), std::string::npos);
    EXPECT_EQ(text->find("<img"), std::string::npos);
    EXPECT_EQ(text->find("<b>scope"), std::string::npos);
  }
  EXPECT_NE(shown.body.find("&lt;img src=x&gt;"), std::string::npos);
}

TEST_F(SandboxAuthorize, pages_forbid_scripts_frames_and_foreign_content) {
  const HttpResponse shown = page();
  const std::string policy{shown.headers.find("content-security-policy").value_or("")};
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_NE(policy.find("style-src 'sha256-"), std::string::npos);
  EXPECT_EQ(shown.body.find("http"), shown.body.find("http://127.0.0.1:8000</code>")) << "no content of elsewhere";
  EXPECT_EQ(shown.headers.find("cache-control"), "no-cache, no-store");
}

TEST_F(SandboxAuthorize, open_pages_are_bounded) {
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(page().status, 200);
  EXPECT_EQ(page().status, 503);
  clock.advance(10min);
  EXPECT_EQ(page().status, 200);
}

TEST_F(SandboxAuthorize, the_metadata_says_what_intuits_says) {
  const auto document = json(get("/.well-known/openid_configuration"));
  EXPECT_EQ(text(document, "issuer"), "http://127.0.0.1:9500");
  EXPECT_EQ(boost::json::serialize(document.at("response_types_supported")), R"(["code"])");
  EXPECT_EQ(boost::json::serialize(document.at("subject_types_supported")), R"(["public"])");
  EXPECT_EQ(boost::json::serialize(document.at("id_token_signing_alg_values_supported")), R"(["RS256"])");
  EXPECT_EQ(boost::json::serialize(document.at("token_endpoint_auth_methods_supported")),
            R"(["client_secret_post","client_secret_basic"])");
  EXPECT_FALSE(document.contains("introspection_endpoint"));
  for (const auto* path : {"/.well-known/openid-configuration", "/.well-known/openid_sandbox_configuration/"}) {
    EXPECT_EQ(json(get(path)), document) << path;
  }
}

TEST_F(SandboxAuthorize, the_issuer_is_pinned_apart_from_the_address) {
  set(R"({"issuer":"https://issuer.example/op/v1"})");
  const auto document = json(get("/.well-known/openid_configuration"));
  EXPECT_EQ(text(document, "issuer"), "https://issuer.example/op/v1");
  EXPECT_EQ(text(document, "token_endpoint"), "http://127.0.0.1:9500/token");
}

}  // namespace
}  // namespace evergrant::test
