#include <gtest/gtest.h>

#include "proxy/answer_head.hpp"
#include "proxy/kept_body.hpp"
#include "proxy/request_head.hpp"

namespace evergrant {
namespace {

ProxyTarget company_target() {
  ProxyTarget target;
  target.at = {.tls = true, .host = "api.example", .port = 8443, .authority = "api.example:8443", .path = ""};
  target.path = "/v3/x";
  target.target = "/v3/x?a=b";
  return target;
}

class RequestHeadTest : public testing::Test {
 protected:
  std::string head(std::optional<std::uint64_t> length = 0, bool expects = false) {
    std::string out;
    const auto written = append_request_head({.caller = caller,
                                              .target = target,
                                              .inject = inject,
                                              .realm = realm,
                                              .access_token = token,
                                              .user_agent = "evergrant",
                                              .length = length,
                                              .expects_continue = expects},
                                             out);
    return written ? out : std::string{to_string(written.error().code)};
  }
  RequestHeadTest() { caller.method = "GET"; }
  HttpRequest caller;
  ProxyTarget target = company_target();
  InjectProfile inject;
  std::string realm = "1";
  Secret token{"secret-token"};
};

TEST_F(RequestHeadTest, a_head_is_what_passes_what_is_added_and_framing_of_our_own) {
  caller.headers.add("Accept", "a/b");
  caller.headers.add("authorization", "Bearer egk_x");
  caller.headers.add("Content-Length", "77");
  inject.extra_headers = {{"X-Tenant", "t-{realm}"}};
  EXPECT_EQ(head(),
            "GET /v3/x?a=b HTTP/1.1\r\nHost: api.example:8443\r\nAccept: a/b\r\nUser-Agent: evergrant\r\nX-Tenant: t-1\r\n"
            "Authorization: Bearer secret-token\r\n\r\n");
}

TEST_F(RequestHeadTest, the_length_is_told_where_there_is_a_body_or_one_is_expected) {
  caller.headers.add("User-Agent", "u");
  EXPECT_EQ(head(5).substr(head(5).find("token\r\n")), "token\r\nContent-Length: 5\r\n\r\n");
  EXPECT_TRUE(head(std::nullopt, true).ends_with("\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"));
  caller.method = "POST";
  EXPECT_TRUE(head(0).ends_with("\r\nContent-Length: 0\r\n\r\n"));
  caller.headers.add("TE", "trailers");
  EXPECT_TRUE(head(0).ends_with("\r\nTE: trailers\r\nConnection: TE\r\n\r\n"));
}

TEST_F(RequestHeadTest, a_method_or_a_value_that_would_be_something_else_is_refused) {
  for (const std::string method : {"get", "", "G T", "GET\r\nX: y", "ABCDEFGHIJKLMNOPQRSTU"}) {
    caller.method = method;
    EXPECT_EQ(head(), "invalid_argument") << method;
  }
  caller.method = "GET";
  for (const std::string_view bad : {"a\r\nX: y", "a\nb", "", "\x80"}) {
    token = Secret{bad};
    EXPECT_EQ(head(), "internal") << bad;
  }
  const std::string long_one = "~ " + std::string(48, 'x');
  token = Secret{long_one};
  EXPECT_TRUE(head().contains("Bearer " + long_one + "\r\n"));
  for (const char bad : {'\n', '\0', '\t', '\x1f', '\x7f', '\x80', '\xff'}) {
    for (std::size_t at = 0; at < long_one.size(); ++at) {  // wherever it stands
      std::string with_it = long_one;
      with_it[at] = bad;
      token = Secret{with_it};
      EXPECT_EQ(head(), "internal") << at << " " << static_cast<int>(bad);
    }
  }
  token = Secret{"t"};
  inject.extra_headers = {{"X-Tenant", "{realm}"}};
  realm = "1\r\nX: y";
  EXPECT_EQ(head(), "invalid_argument");
}

TEST(AnswerHeadTest, no_field_that_holds_the_token_reaches_the_caller) {
  const Secret token{"secret-token"};
  UpstreamHead head{.status = 200, .headers = {}, .length = 5};
  head.headers.add("X-Echo", "Bearer secret-token");
  head.headers.add("Location", "/y?t=secret-token");
  head.headers.add("ETag", "1");
  head.headers.add("X-Broken", "a\nb");
  const auto answer = caller_head(head, company_target(), "/p", true, token);
  EXPECT_FALSE(answer.headers.find("X-Echo") || answer.headers.find("Location") || answer.headers.find("X-Broken"));
  EXPECT_FALSE(answer.headers.find("Evergrant-Location").has_value());
  EXPECT_EQ(answer.headers.find("ETag"), "1");
  EXPECT_EQ(answer.headers.find("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(answer.length, 5U);
  Headers trailers;
  trailers.add("X-Sum", "1");
  trailers.add("Set-Cookie", "a=b");
  trailers.add("X-Echo", "secret-token");
  EXPECT_EQ(caller_trailers(trailers, token).all().size(), 1U);
}

TEST(AnswerHeadTest, the_providers_own_name_for_a_call_is_the_first_that_is_there) {
  UpstreamHead head;
  head.headers.add("x-request-id", "r-1");
  const Secret token{"a-token-of-some-length-0123456789"};
  EXPECT_EQ(correlation_of(head, {"intuit_tid", "X-Request-Id"}, token), "r-1");
  EXPECT_EQ(correlation_of(head, {"intuit_tid"}, token), "");
}

TEST(AnswerHeadTest, a_name_for_a_call_that_repeats_the_token_is_none) {
  const Secret token{"a-token-of-some-length-0123456789"};
  for (const std::string& name :
       std::vector<std::string>{"a-token-of-some-length-0123456789", "r-1 a-token-of-some-length-0123456789",
                                std::string(70, 'x') + "a-token-of-some-length-0123456789", "n-of-some-length-0123456789",
                                "\na-token-of-some-length-0123456789"}) {
    UpstreamHead head;
    head.headers.add("X-Request-Id", name);
    EXPECT_EQ(correlation_of(head, {"X-Request-Id"}, token), "") << name;
  }
}

TEST(KeptBodyTest, it_keeps_all_or_nothing) {
  KeptBody body{5};
  body.note("abc");
  body.note("de");
  EXPECT_TRUE(body.fits());
  EXPECT_EQ(body.bytes(), "abcde");
  body.note("");
  EXPECT_TRUE(body.fits());
  body.note("f");
  EXPECT_FALSE(body.fits());
  EXPECT_EQ(body.bytes(), "");
  body.note("g");
  EXPECT_FALSE(body.fits());
  KeptBody none{0};
  EXPECT_TRUE(none.fits());
  none.note("a");
  EXPECT_FALSE(none.fits());
}

}  // namespace
}  // namespace evergrant
