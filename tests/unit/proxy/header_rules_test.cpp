#include "proxy/header_rules.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

InjectProfile xero_like_profile() {
  InjectProfile inject;
  inject.header = "X-Api-Token";
  inject.extra_headers = {{"xero-tenant-id", "{realm}"}};
  inject.forbidden_headers = {"X-Impersonate"};
  return inject;
}

TEST(HeaderRulesTest, what_says_who_sent_a_request_and_how_does_not_reach_the_provider) {
  Headers caller;
  caller.add("Connection", "close, X-Private");
  caller.add("connection", " x-other ");
  const InjectProfile inject = xero_like_profile();
  const RequestFields fields{caller, inject};
  for (const std::string_view name : {"Authorization",
                                      "authorization",
                                      "AUTHORIZATION",
                                      "Cookie",
                                      "Cookie2",
                                      "Proxy-Authorization",
                                      "Proxy-Connection",
                                      "proxy-anything",
                                      "Connection",
                                      "Keep-Alive",
                                      "TE",
                                      "Trailer",
                                      "Transfer-Encoding",
                                      "Upgrade",
                                      "HTTP2-Settings",
                                      "Content-Length",
                                      "Expect",
                                      "Host",
                                      "Forwarded",
                                      "X-Forwarded-For",
                                      "X-Forwarded-Host",
                                      "X-Forwarded-Proto",
                                      "x-forwarded-anything",
                                      "X_Forwarded_For",
                                      "Transfer_Encoding",
                                      "Content_Length",
                                      "X-Real-IP",
                                      "Via",
                                      "X-Private",
                                      "x_private",
                                      "X-Other",
                                      "Evergrant-Host",
                                      "Evergrant-Pair",
                                      "evergrant_host",
                                      "X-Api-Token",
                                      "x_api_token",
                                      "Xero-Tenant-Id",
                                      "xero_tenant_id",
                                      "X-Impersonate",
                                      "X-HTTP-Method-Override",
                                      "X-HTTP-Method",
                                      "X-Method-Override",
                                      "X-Original-URL",
                                      "X-Rewrite-URL",
                                      "True-Client-IP",
                                      "Client-IP",
                                      "X-Client-IP",
                                      "CF-Connecting-IP",
                                      "CF-Connecting-IPv6",
                                      "Fastly-Client-IP",
                                      "X-Remote-Addr",
                                      "X-Azure-ClientIP",
                                      "X-Envoy-External-Address",
                                      "X-Envoy-Original-Path",
                                      "X-Forwarded",
                                      "Forwarded-For",
                                      "X-Original-Forwarded-For",
                                      "X-Original-Host",
                                      "X-Original-Method",
                                      "X-Host",
                                      "X-HTTP-Host-Override",
                                      "X-Override-URL",
                                      "X-Proxy-User"}) {
    EXPECT_FALSE(fields.passes(name)) << name;
  }
  for (const std::string_view name : {"Accept", "Accept-Encoding", "Content-Type", "Content-Encoding", "If-Match", "Range",
                                      "User-Agent", "Idempotency-Key", "X-Request-Id", "Prefer", "Notion-Version"}) {
    EXPECT_TRUE(fields.passes(name)) << name;
  }
}

TEST(HeaderRulesTest, a_trailer_cannot_do_what_a_header_may_not) {
  const Headers none;
  const InjectProfile inject = xero_like_profile();
  const RequestFields fields{none, inject};
  for (const std::string_view name : {"Authorization", "X-Api-Token", "Content-Length", "Host", "Content-Type", "Range"}) {
    EXPECT_FALSE(fields.passes_as_trailer(name)) << name;
  }
  EXPECT_TRUE(fields.passes_as_trailer("X-Checksum"));
}

TEST(HeaderRulesTest, what_concerns_the_providers_own_site_does_not_reach_the_caller) {
  Headers answer;
  answer.add("Connection", "X-Hop");
  const AnswerFields fields{answer};
  for (const std::string_view name : {"Set-Cookie",
                                      "Set-Cookie2",
                                      "Alt-Svc",
                                      "Strict-Transport-Security",
                                      "Public-Key-Pins",
                                      "Clear-Site-Data",
                                      "NEL",
                                      "Report-To",
                                      "Access-Control-Allow-Origin",
                                      "Connection",
                                      "Keep-Alive",
                                      "Transfer-Encoding",
                                      "Content-Length",
                                      "Trailer",
                                      "Upgrade",
                                      "Proxy-Authenticate",
                                      "X-Hop",
                                      "Location",
                                      "Content-Location",
                                      "Refresh",
                                      "Evergrant-Error"}) {
    EXPECT_FALSE(fields.passes(name)) << name;
  }
  for (const std::string_view name :
       {"Content-Type", "ETag", "Retry-After", "WWW-Authenticate", "intuit_tid", "X-RateLimit-Remaining", "Cache-Control",
        "Content-Encoding", "Content-Range", "Link", "Date", "Server"}) {
    EXPECT_TRUE(fields.passes(name)) << name;
  }
}

TEST(HeaderRulesTest, extra_headers_name_the_connections_realm) {
  const auto fields = extra_fields(xero_like_profile(), "realm-1");
  ASSERT_TRUE(fields.has_value());
  ASSERT_EQ(fields->size(), 1U);
  EXPECT_EQ(fields->front().name, "xero-tenant-id");
  EXPECT_EQ(fields->front().value, "realm-1");
  EXPECT_FALSE(extra_fields(xero_like_profile(), "1\r\nX-Injected: y").has_value());
}

TEST(HeaderRulesTest, lines_of_one_name_are_one_list) {
  Headers headers;
  headers.add("TE", "gzip");
  headers.add("te", "trailers ,deflate");
  EXPECT_EQ(joined(headers, "TE"), "gzip, trailers ,deflate");
  EXPECT_TRUE(lists_word(headers, "TE", "Trailers"));
  EXPECT_FALSE(lists_word(headers, "TE", "trail"));
}

}  // namespace
}  // namespace evergrant
