#include "oauth/callback.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

namespace evergrant {
namespace {

Registration some_registration_with_return() {
  Registration registration;
  registration.id = RegistrationId{"books"};
  registration.provider.authorize.callback_extras = {"realmId", "location"};
  registration.client_secrets.push_back({Secret{"hush"}, std::nullopt});
  return registration;
}

Callback read(std::string_view query, const Registration& registration = some_registration_with_return()) {
  auto callback = read_callback(query, registration);
  EXPECT_TRUE(callback) << (callback ? "" : callback.error().message);
  return callback ? std::move(*callback) : Callback{};
}

std::string refusal(std::string_view query, const Registration& registration = some_registration_with_return()) {
  const auto callback = read_callback(query, registration);
  EXPECT_FALSE(callback) << query.substr(0, 100);
  if (callback) return "";
  EXPECT_EQ(callback.error().code, Errc::invalid_argument);
  return callback.error().message;
}

TEST(CallbackTest, a_code_comes_with_its_state_and_the_listed_extras) {
  const auto callback = read("code=AB11%2F%2B&state=st&realmId=9130+347&unknown=x&location=eu&iss=https%3A%2F%2Fas.example");
  EXPECT_EQ(callback.outcome, CallbackOutcome::code);
  EXPECT_EQ(callback.code.reveal(), "AB11/+");
  EXPECT_EQ(callback.state, "st");
  EXPECT_EQ(callback.iss, "https://as.example");
  EXPECT_EQ(callback.extras, (std::map<std::string, std::string>{{"realmId", "9130 347"}, {"location", "eu"}}));
  EXPECT_EQ(callback.error, "");
}

TEST(CallbackTest, unknown_parameters_change_nothing) {
  const auto callback = read("utm=a&utm=b&code=c&session_state=%22%3C&state=st&=x&y");
  EXPECT_EQ(callback.outcome, CallbackOutcome::code);
  EXPECT_EQ(callback.code.reveal(), "c");
  EXPECT_TRUE(callback.extras.empty());
}

TEST(CallbackTest, a_parameter_that_is_read_must_not_come_twice) {
  for (const auto* query : {"code=a&code=b&state=st", "code=a&state=st&state=st", "code=a&state=st&realmId=1&realmId=2",
                            "code=a&state=st&iss=a&iss=b", "error=a&error=b&state=st", "code=a&state=st&c%6Fde=b",
                            "code=a&state=st&error_description=a&error_description=b"}) {
    EXPECT_TRUE(refusal(query).contains("more than once")) << query;
  }
}

TEST(CallbackTest, what_cannot_be_read_is_refused_without_showing_it) {
  EXPECT_TRUE(refusal("code=canary").contains("no state"));
  EXPECT_TRUE(refusal("code=canary&state=").contains("no state"));
  EXPECT_TRUE(refusal("code=canary&state=" + std::string(129, 's')).contains("too long"));
  EXPECT_TRUE(refusal("code=canary&state=st&x=%ZZ").contains("%XX"));
  EXPECT_TRUE(refusal("code=canary&state=st&iss=" + std::string(2049, 'i')).contains("too long"));
  EXPECT_TRUE(refusal("code=canary&state=st&realmId=a%0Ab").contains("realmId"));
  EXPECT_TRUE(refusal("code=canary&state=st&realmId=%FF").contains("realmId"));
  EXPECT_TRUE(refusal("code=canary&state=st&realmId=" + std::string(2049, '1')).contains("realmId"));
  EXPECT_TRUE(refusal("code=canary&state=st&x=" + std::string(33000, 'x')).contains("32 KiB"));
  std::string many = "code=canary&state=st";
  for (int i = 0; i < 100; ++i) many += "&a" + std::to_string(i) + "=1";
  EXPECT_TRUE(refusal(many).contains("100 parameters"));
  EXPECT_FALSE(refusal("code=canary&state=st&realmId=%FF").contains("canary"));
  EXPECT_TRUE(refusal("").contains("no state"));
}

TEST(CallbackTest, a_long_code_is_fine) {
  const std::string code(5000, 'c');
  EXPECT_EQ(read("state=st&code=" + code).code.reveal(), code);
}

struct CodeRow {
  std::string_view query, error;
};

TEST(CallbackTest, an_answer_without_a_usable_code_still_names_its_flow) {
  const std::string too_long = "state=st&code=" + std::string(8200, 'c');
  const CodeRow rows[] = {{"state=st", "missing_code"},
                          {"state=st&tenant=x&admin_consent=True", "missing_code"},
                          {"state=st&code=", "malformed_code"},
                          {"state=st&code=a%0Ab", "malformed_code"},
                          {"state=st&code=%C3%A9", "malformed_code"},
                          {too_long, "malformed_code"}};
  for (const auto& row : rows) {
    const auto callback = read(row.query);
    EXPECT_EQ(callback.outcome, CallbackOutcome::refused);
    EXPECT_EQ(callback.error, row.error);
    EXPECT_EQ(callback.state, "st");
    EXPECT_TRUE(callback.code.empty());
  }
}

// Found by fuzzing: neither a code nor an error was left.
TEST(CallbackTest, an_error_of_which_nothing_can_be_shown_has_a_name_all_the_same) {
  const auto callback = read("error=%00%01&code=a&state=st");
  EXPECT_EQ(callback.error, "malformed_error");
  EXPECT_EQ(callback.outcome, CallbackOutcome::refused);
  EXPECT_EQ(read("error=%00%01&state=st").error, "malformed_error");
}

struct ErrorRow {
  std::string_view query;
  CallbackOutcome outcome;
};

TEST(CallbackTest, errors_are_sorted_by_who_can_mend_them) {
  const ErrorRow rows[] = {{"error=access_denied&state=st", CallbackOutcome::cancelled},
                           {"error=temporarily_unavailable&state=st", CallbackOutcome::retryable},
                           {"error=server_error&state=st", CallbackOutcome::retryable},
                           {"error=invalid_scope&state=st", CallbackOutcome::refused},
                           {"error=invalid_request&state=st", CallbackOutcome::refused},
                           {"error=who_knows&state=st", CallbackOutcome::refused},
                           {"error=access_denied&state=st&code=canary", CallbackOutcome::refused}};
  for (const auto& row : rows) {
    const auto callback = read(row.query);
    EXPECT_EQ(callback.outcome, row.outcome) << row.query;
    EXPECT_TRUE(callback.code.empty());
    EXPECT_FALSE(callback.error.empty());
  }
}

TEST(CallbackTest, an_empty_error_beside_a_code_is_no_error) {
  EXPECT_EQ(read("error=&code=c&state=st").outcome, CallbackOutcome::code);
}

TEST(CallbackTest, error_texts_are_stripped_of_controls_and_cut) {
  const auto callback = read("error=a%0D%0Ab&error_description=x%1B%5B2J%E2%80%AE" + std::string(1000, 'd') + "&state=st");
  EXPECT_EQ(callback.error, "ab");
  EXPECT_TRUE(callback.error_description.starts_with("x[2Jdd"));
  EXPECT_LT(callback.error_description.size(), 310U);
}

TEST(CallbackTest, codes_are_cleaned_as_the_profile_says) {
  auto registration = some_registration_with_return();
  registration.provider.authorize.code_url_decode = true;  // Square, TikTok
  EXPECT_EQ(read("code=sq%2525+a&state=st", registration).code.reveal(), "sq% a");
  EXPECT_EQ(read("code=a%25zz&state=st", registration).error, "malformed_code");
  registration.provider.authorize.code_url_decode = false;
  EXPECT_EQ(read("code=sq%2525&state=st", registration).code.reveal(), "sq%25");
  registration.provider.authorize.code_strip_suffix = "#_";  // Instagram
  EXPECT_EQ(read("code=AQB%23_&state=st", registration).code.reveal(), "AQB");
  EXPECT_EQ(read("code=AQB&state=st", registration).code.reveal(), "AQB");
  registration.provider.authorize.code_parameter = "spapi_oauth_code";  // Amazon
  EXPECT_EQ(read("spapi_oauth_code=x&code=y&state=st", registration).code.reveal(), "x");
}

// CB-13. The canonical text is written out here, so that a change of it is seen.
std::string shopify_query(std::string_view canonical, std::string_view query, std::string_view key = "hush") {
  return std::string{query} + "&hmac=" + hex_encode(hmac_sha256(Secret{key}, canonical));
}

Registration shop() {
  auto registration = some_registration_with_return();
  registration.provider.authorize.callback_hmac_parameter = "hmac";
  registration.provider.authorize.callback_extras = {"shop"};
  return registration;
}

constexpr std::string_view signed_text = "code=0907a&shop=some-shop.myshopify.com&state=0.6784&timestamp=1337178173";
constexpr std::string_view sent_text = "timestamp=1337178173&code=0907a&state=0.6784&shop=some-shop.myshopify.com";

TEST(CallbackTest, a_signed_callback_is_accepted_in_any_order_of_its_parameters) {
  const auto callback = read(shopify_query(signed_text, sent_text), shop());
  EXPECT_EQ(callback.outcome, CallbackOutcome::code);
  EXPECT_EQ(callback.extras.at("shop"), "some-shop.myshopify.com");
}

TEST(CallbackTest, the_example_of_shopifys_documentation_verifies) {
  EXPECT_EQ(
      read("code=0907a61c0c8d55e99db179b68161bc00&hmac=700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf"
           "&shop=some-shop.myshopify.com&state=0.6784241404160823&timestamp=1337178173",
           shop())
          .outcome,
      CallbackOutcome::code);
}

TEST(CallbackTest, a_signature_by_an_older_secret_is_accepted) {
  auto registration = shop();
  registration.client_secrets.insert(registration.client_secrets.begin(), ClientSecret{Secret{"newer"}, std::nullopt});
  EXPECT_EQ(read(shopify_query(signed_text, sent_text), registration).outcome, CallbackOutcome::code);
}

TEST(CallbackTest, a_callback_whose_signature_does_not_fit_is_refused_before_anything_else) {
  const std::string good = shopify_query(signed_text, sent_text);
  std::string tampered = good;
  tampered.replace(tampered.find("some-shop"), 9, "evil-shop");
  EXPECT_TRUE(refusal(tampered, shop()).contains("not the provider's"));
  EXPECT_TRUE(refusal(good + "&more=1", shop()).contains("not the provider's"));
  EXPECT_TRUE(refusal(good.substr(0, good.size() - 1), shop()).contains("not the provider's"));
  EXPECT_TRUE(refusal(shopify_query(signed_text, sent_text, "other"), shop()).contains("not the provider's"));
  EXPECT_TRUE(refusal(sent_text, shop()).contains("lacks"));
  EXPECT_TRUE(refusal(good + "&hmac=00", shop()).contains("more than once"));
  auto without_secret = shop();
  without_secret.client_secrets.clear();
  EXPECT_TRUE(refusal(good, without_secret).contains("not the provider's"));
}

TEST(CallbackTest, a_value_cannot_pass_for_two_parameters) {
  // Signed for one value "1&state=evil"; sent as two parameters.
  const std::string canonical = "code=c&shop=s&state=st&x=1%26y%3D2";
  EXPECT_EQ(read(shopify_query(canonical, "code=c&shop=s&state=st&x=1%26y%3D2"), shop()).state, "st");
  EXPECT_TRUE(refusal(shopify_query(canonical, "code=c&shop=s&state=st&x=1&y=2"), shop()).contains("not the provider's"));
}

struct IssuerRow {
  std::optional<std::string> iss;
  std::string_view expected;
  IssParameter rule;
  bool supported;
  bool ok;
};

TEST(CallbackIssuer, is_compared_exactly) {
  const std::string as = "https://as.example";
  constexpr auto enforce = IssParameter::enforce;
  constexpr auto if_present = IssParameter::if_present;
  const IssuerRow rows[] = {{as, as, if_present, false, true},
                            {as, as, enforce, true, true},
                            {"https://other.example", as, if_present, false, false},
                            {"https://as.example/", as, if_present, false, false},
                            {"https://AS.example", as, if_present, false, false},
                            {"https://as.example:443", as, if_present, false, false},
                            {"", as, if_present, false, false},
                            {std::nullopt, as, if_present, false, true},
                            {std::nullopt, as, if_present, true, false},
                            {std::nullopt, as, enforce, false, false},
                            {as, "", if_present, false, true},
                            {as, "", enforce, false, false},
                            {as, "", if_present, true, false}};
  for (const auto& row : rows) {
    Callback callback;
    callback.iss = row.iss;
    const auto checked = check_callback_issuer(callback, row.expected, row.rule, row.supported);
    EXPECT_EQ(checked.has_value(), row.ok) << row.iss.value_or("(none)") << " for " << row.expected;
    if (!checked) {
      EXPECT_EQ(checked.error().code, Errc::invalid_argument);
    }
  }
}

TEST(CallbackIssuer, is_checked_for_errors_too_and_does_not_show_them) {
  const auto callback = read("error=access_denied&error_description=canary&state=st&iss=https%3A%2F%2Fevil.example");
  const auto checked = check_callback_issuer(callback, "https://as.example", IssParameter::if_present, false);
  ASSERT_FALSE(checked);
  EXPECT_FALSE(checked.error().message.contains("canary"));
  EXPECT_FALSE(checked.error().message.contains("evil"));
}

}  // namespace
}  // namespace evergrant
