#include "oauth/challenge.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

// Written out: scheme(token68) or scheme[name=value|name=value].
std::string spelled_out(const std::vector<Challenge>& challenges) {
  std::vector<std::string> pieces;
  for (const auto& challenge : challenges) {
    std::vector<std::string> parameters;
    for (const auto& [name, value] : challenge.parameters) parameters.push_back(name + "=" + value);
    pieces.push_back(challenge.scheme + (challenge.token68.empty() ? "" : "(" + challenge.token68 + ")") +
                     (parameters.empty() ? "" : "[" + join(parameters, "|") + "]"));
  }
  return join(pieces, " & ");
}

struct ReadRow {
  std::string_view field;
  std::string_view meaning;
};

TEST(ChallengeTest, every_form_of_the_grammar_is_read) {
  for (const auto& row : std::initializer_list<ReadRow>{
           {"", ""},
           {" , ,\t", ""},
           {"Bearer", "bearer"},
           {"Bearer ", "bearer"},
           {"BEARER Realm=\"Here\"", "bearer[realm=Here]"},
           // RFC 9110 11.6.1
           {R"(Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"")",
            R"(basic[realm=simple] & newauth[realm=apps|title=Login to "apps"|type=1])"},
           // RFC 6750 3
           {R"(Bearer realm="example", error="invalid_token", error_description="The access token expired")",
            "bearer[error=invalid_token|error_description=The access token expired|realm=example]"},
           // RFC 9728 5.1
           {R"(Bearer resource_metadata="https://resource.example.com/.well-known/oauth-protected-resource")",
            "bearer[resource_metadata=https://resource.example.com/.well-known/oauth-protected-resource]"},
           // RFC 7616 3.9.1
           {R"(Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7yp/cH=")",
            "digest[algorithm=SHA-256|nonce=7yp/cH=|qop=auth, auth-int|realm=http-auth@example.org]"},
           // RFC 4559 4.2: token68
           {"Negotiate a87421000492aa874209af8bc028", "negotiate(a87421000492aa874209af8bc028)"},
           {"Negotiate YII-._~+/==, Bearer", "negotiate(YII-._~+/==) & bearer"},
           {"NTLM, Negotiate, Bearer realm=a", "ntlm & negotiate & bearer[realm=a]"},
           {"Bearer a=", "bearer(a=)"},
           {"Bearer a= ,Basic", "bearer(a=) & basic"},
           {"Bearer a=b", "bearer[a=b]"},
           {"Bearer a =\t\"b\" , c= d", "bearer[a=b|c=d]"},
           {"Bearer   a=b", "bearer[a=b]"},
           {", Bearer a=b,, ,c=d,\t,Basic,", "bearer[a=b|c=d] & basic"},
           {"Bearer , a=b", "bearer[a=b]"},
           {"Bearer \t, a=b", "bearer[a=b]"},
           {"Bearer a=b, DPoP algs=\"ES256\", Bearer a=c", "bearer[a=b] & dpop[algs=ES256] & bearer[a=c]"},
           {R"(B a="", c="\a\\\"", d=",= B")", R"(b[a=|c=a\"|d=,= B])"},
           {"B a=\"\xC3\xA9\t\\\xFF\"", "b[a=\xC3\xA9\t\xFF]"},
           {"!#$%&'*+-.^_`|~9 !#$%&'*+-.^_`|~9=!#$%&'*+-.^_`|~9", "!#$%&'*+-.^_`|~9[!#$%&'*+-.^_`|~9=!#$%&'*+-.^_`|~9]"}}) {
    const auto challenges = parse_challenges(row.field);
    ASSERT_TRUE(challenges) << row.field << ": " << challenges.error().message;
    EXPECT_EQ(spelled_out(*challenges), row.meaning) << row.field;
  }
}

struct RefusalRow {
  std::string_view field;
  std::string_view reason;
};

TEST(ChallengeTest, what_two_readers_might_divide_differently_is_refused) {
  for (const auto& row :
       std::initializer_list<RefusalRow>{{"realm=\"a\"", "at byte 5: a comma is missing"},
                                         {"Bearer, realm=a", "comma"},  // no space, so its parameters cannot follow
                                         {"Bearer a=b Basic", "comma"},
                                         {"Bearer a=b c=d", "comma"},
                                         {"Bearer realm=\"a\"x", "comma"},
                                         {"Bearer a b", "no value"},
                                         {"Bearer abc, a=b", "comma"},  // after a token68 there are no parameters
                                         {"Bearer abc== a=b", "holds what it must not"},
                                         {"Bearer\ta=b", "comma"},
                                         {"Bearer \ta=b", "comma"},
                                         {"Bearer a=b, c=", "value is missing"},
                                         {"Bearer a=b, c=,d=e", "value is missing"},
                                         {"Bearer =b", "no name"},
                                         {"Bearer a=b, =c", "neither"},
                                         {"Bearer a==b", "value is missing"},
                                         {"Bearer realm=http://a", "comma"},
                                         {"Bearer realm=\"a", "no end"},
                                         {"Bearer realm=\"a\\\"", "no end"},
                                         {"Bearer realm=\"a\\", "no end"},
                                         {"Bearer realm='a b'", "comma"},
                                         {"Bearer realm=\"a\r\nb\"", "must not"},
                                         {"Bearer realm=\"a\\\nb\"", "must not"},
                                         {"Bearer realm=\"a\x7F\"", "must not"},
                                         {"Bearer realm=\xC3\xA9", "value is missing"},
                                         {"B\xC3\xA9rer", "comma"},
                                         {std::string_view{"Bearer\0", 7}, "comma"},
                                         {"\"Bearer\"", "neither"},
                                         {"Bearer; a=b", "comma"},
                                         {"Bearer realm=a, Realm=b", "occurs twice"},
                                         {"Bearer error=a, error=a", "occurs twice"}}) {
    const auto challenges = parse_challenges(row.field);
    ASSERT_FALSE(challenges) << row.field << " is " << spelled_out(*challenges);
    EXPECT_EQ(challenges.error().code, Errc::invalid_argument) << row.field;
    EXPECT_TRUE(challenges.error().message.contains(row.reason)) << row.field << ": " << challenges.error().message;
  }
}

std::string many(std::string_view first, std::size_t count) {
  std::string field{first};
  for (std::size_t i = 1; i < count; ++i) field += ",a" + std::to_string(i) + (first == "B" ? "" : "=1");
  return field;
}

TEST(ChallengeTest, sizes_and_counts_are_bounded) {
  const std::string longest = "B a=" + std::string(8188, 'x');
  EXPECT_TRUE(parse_challenges(longest));
  EXPECT_TRUE(parse_challenges(many("B", 32)));
  EXPECT_TRUE(parse_challenges(many("B a=1", 32)));
  for (const auto& [field, reason] : {std::pair{longest + "x", "8 KiB"}, std::pair{many("B", 33), "32 challenges"},
                                      std::pair{many("B a=1", 33), "32 parameters"}}) {
    const auto challenges = parse_challenges(field);
    ASSERT_FALSE(challenges) << reason;
    EXPECT_EQ(challenges.error().code, Errc::too_large);
    EXPECT_TRUE(challenges.error().message.contains(reason)) << challenges.error().message;
  }
}

BearerChallenge bearer(std::string_view field) {
  const auto challenges = parse_challenges(field);
  EXPECT_TRUE(challenges) << field;
  auto found = bearer_challenge(challenges.value_or(std::vector<Challenge>{}));
  EXPECT_TRUE(found) << field;
  return found.value_or(BearerChallenge{});
}

TEST(ChallengeTest, a_bearer_challenge_says_why) {
  const auto why = bearer(R"(Negotiate, Bearer realm="api", error=insufficient_scope, error_description="Ask for more.", )"
                          R"(scope="openid https://www.googleapis.com/auth/userinfo.profile.of.the.very.long.kind", )"
                          R"(resource_metadata="https://api.example/.well-known/oauth-protected-resource", Basic)");
  EXPECT_EQ(why.error, "insufficient_scope");
  EXPECT_EQ(why.error_description, "Ask for more.");
  EXPECT_EQ(why.realm, "api");
  EXPECT_EQ(why.scope, "openid https://www.googleapis.com/auth/userinfo.profile.of.the.very.long.kind");
  EXPECT_EQ(why.resource_metadata, "https://api.example/.well-known/oauth-protected-resource");
}

TEST(ChallengeTest, of_several_bearer_challenges_the_first_with_an_error_counts) {
  EXPECT_EQ(bearer("Bearer realm=a, Bearer realm=b, error=x, Bearer realm=c, error=y").realm, "b");
  EXPECT_EQ(bearer("Bearer realm=a, Bearer realm=b").realm, "a");
  EXPECT_EQ(bearer("Bearer error=x, Bearer error=y, Bearer").error, "x");
}

TEST(ChallengeTest, without_a_bearer_challenge_nothing_is_said) {
  for (const auto* field : {"", "Basic realm=a, error=b", "DPoP error=invalid_token", "Bearers error=a"}) {
    EXPECT_FALSE(bearer_challenge(parse_challenges(field).value())) << field;
  }
  EXPECT_EQ(bearer("bearer abc").error, "");
}

TEST(ChallengeTest, texts_are_printable_bounded_and_without_tokens) {
  const auto why = bearer("Bearer error=\"" + std::string(200, '!') +
                          "\", error_description=\"the token ya29.a0AfB1234567890abcdef has "
                          "expired\xC2\x85\xFF" +
                          std::string(400, '.') + "\", realm=\"" + std::string(200, '.') + "\"");
  EXPECT_EQ(why.error, std::string(100, '!') + "…");
  EXPECT_EQ(why.error_description.substr(0, 33), "the token [removed] has expired?.");
  EXPECT_EQ(why.error_description.size(), 300 + std::string_view{"…"}.size());
  EXPECT_EQ(why.realm, std::string(100, '.') + "…");
}

TEST(ChallengeTest, a_scope_or_a_url_is_whole_or_left_out) {
  const std::string long_scope(1024, 's');
  EXPECT_EQ(bearer("Bearer scope=" + long_scope).scope, long_scope);
  EXPECT_EQ(bearer("Bearer scope=s" + long_scope).scope, "");
  EXPECT_EQ(bearer(R"(Bearer scope="a\"b")").scope, "");
  EXPECT_EQ(bearer(R"(Bearer scope="a\\b")").scope, "");
  EXPECT_EQ(bearer("Bearer scope=\"a\tb\"").scope, "");
  EXPECT_EQ(bearer("Bearer scope=\"\xC3\xA9\"").scope, "");
  const std::string long_url = "https://a/" + std::string(2038, 'u');
  EXPECT_EQ(bearer("Bearer resource_metadata=\"" + long_url + "\"").resource_metadata, long_url);
  EXPECT_EQ(bearer("Bearer resource_metadata=\"" + long_url + "u\"").resource_metadata, "");
  EXPECT_EQ(bearer(R"(Bearer resource_metadata="https://a/ b")").resource_metadata, "");
}

}  // namespace
}  // namespace evergrant
