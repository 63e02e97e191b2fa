#include "oauth/client_authentication.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace evergrant {
namespace {

struct Sent {
  Result<> result;
  Headers headers;
  Parameters body;
};

Sent authenticate(const Registration& registration, std::string_view secret) {
  Sent sent;
  const AssertionFacts facts{.token_url = "https://as.example/token", .now = from_epoch_ms(1'700'000'000'999), .jti = "one"};
  sent.result = authenticate_client(registration, Secret{secret}, facts, sent.headers, sent.body);
  return sent;
}

Registration registration_with(ClientAuth method, std::string client_id = "client-1") {
  Registration registration;
  registration.id = RegistrationId{"books"};
  registration.provider.token.client_auth = method;
  registration.client_id = std::move(client_id);
  return registration;
}

TEST(ClientAuthentication, basic_encodes_id_and_secret_before_base64) {
  auto registration = registration_with(ClientAuth::basic, "id:+ %/é");
  const auto sent = authenticate(registration, "s:+%/é");
  ASSERT_TRUE(sent.result);
  EXPECT_EQ(sent.headers.find("authorization"), "Basic " + base64_encode("id%3A%2B+%25%2F%C3%A9:s%3A%2B%25%2F%C3%A9"));
  EXPECT_TRUE(sent.body.empty());
}

TEST(ClientAuthentication, raw_basic_leaves_id_and_secret_as_they_are) {
  auto registration = registration_with(ClientAuth::basic, "id+%/é");
  registration.provider.token.basic_encoding = BasicEncoding::raw;
  const auto sent = authenticate(registration, "s:+%/é");
  ASSERT_TRUE(sent.result);
  EXPECT_EQ(sent.headers.find("Authorization"), "Basic " + base64_encode("id+%/é:s:+%/é"));
}

TEST(ClientAuthentication, both_encodings_agree_on_plain_characters) {
  auto registration = registration_with(ClientAuth::basic, "ABcd-19_x.~");
  const auto rfc = authenticate(registration, "Secret-1");
  registration.provider.token.basic_encoding = BasicEncoding::raw;
  const auto raw = authenticate(registration, "Secret-1");
  EXPECT_EQ(rfc.headers.find("Authorization"), raw.headers.find("Authorization"));
}

TEST(ClientAuthentication, raw_basic_refuses_a_client_id_with_a_colon) {
  auto registration = registration_with(ClientAuth::basic, "a:b");
  registration.provider.token.basic_encoding = BasicEncoding::raw;
  const auto sent = authenticate(registration, "canary-secret");
  ASSERT_FALSE(sent.result);
  EXPECT_EQ(sent.result.error().code, Errc::invalid_argument);
  EXPECT_FALSE(sent.result.error().message.contains("canary"));
  EXPECT_FALSE(sent.headers.find("Authorization"));
}

TEST(ClientAuthentication, post_puts_both_into_the_body_and_sends_no_header) {
  auto registration = registration_with(ClientAuth::post);
  const auto sent = authenticate(registration, "s3");
  ASSERT_TRUE(sent.result);
  EXPECT_EQ(sent.body, (Parameters{{"client_id", "client-1"}, {"client_secret", "s3"}}));
  EXPECT_TRUE(sent.headers.all().empty());
}

TEST(ClientAuthentication, the_client_id_parameter_takes_the_profiles_name) {
  auto registration = registration_with(ClientAuth::post);
  registration.provider.token.client_id_parameter = "client_key";
  EXPECT_EQ(authenticate(registration, "s").body, (Parameters{{"client_key", "client-1"}, {"client_secret", "s"}}));
}

TEST(ClientAuthentication, none_sends_the_client_id_alone_even_if_there_is_a_secret) {
  const auto sent = authenticate(registration_with(ClientAuth::none), "unused");
  ASSERT_TRUE(sent.result);
  EXPECT_EQ(sent.body, (Parameters{{"client_id", "client-1"}}));
  EXPECT_TRUE(sent.headers.all().empty());
}

TEST(ClientAuthentication, a_registration_without_a_secret_is_a_public_client) {
  for (const auto method : {ClientAuth::basic, ClientAuth::post}) {
    const auto sent = authenticate(registration_with(method), "");
    ASSERT_TRUE(sent.result);
    EXPECT_EQ(sent.body, (Parameters{{"client_id", "client-1"}}));
    EXPECT_TRUE(sent.headers.all().empty());
  }
}

TEST(ClientAuthentication, methods_that_are_not_offered_say_so_and_what_to_do) {
  const std::pair<ClientAuth, std::string_view> rows[] = {{ClientAuth::tls, "tls_client_auth"},
                                                          {ClientAuth::self_signed_tls, "self_signed_tls_client_auth"}};
  for (const auto& [method, name] : rows) {
    const auto sent = authenticate(registration_with(method), "canary-secret");
    ASSERT_FALSE(sent.result);
    EXPECT_EQ(sent.result.error().code, Errc::unsupported);
    EXPECT_TRUE(sent.result.error().message.contains(name)) << sent.result.error().message;
    EXPECT_TRUE(sent.result.error().message.contains("books"));
    EXPECT_FALSE(sent.result.error().hint.empty());
    EXPECT_TRUE(sent.body.empty());
    EXPECT_TRUE(sent.headers.all().empty());
  }
}

}  // namespace
}  // namespace evergrant
