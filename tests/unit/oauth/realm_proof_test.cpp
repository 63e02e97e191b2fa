#include "oauth/realm_proof.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "support/fake_transport.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant {
namespace {

class RealmProofTest : public testing::Test {
 protected:
  RealmProofTest() {
    tokens.access_token = Secret{"at-canary"};
    tokens.scope = {"accounting"};
  }

  Result<RealmId> prove() { return test::run(executor, proof.prove(registration, tokens, clues)); }
  Errc refusal() {
    const auto realm = prove();
    EXPECT_FALSE(realm) << (realm ? realm->str() : "");
    if (realm) return Errc::internal;
    EXPECT_FALSE(realm.error().message.contains("canary"));
    EXPECT_FALSE(realm.error().message.empty());
    return realm.error().code;
  }
  void like_quickbooks() {
    profile.source = RealmSource::callback;
    profile.field = "realmId";
    profile.verify_url = "https://api.example/v3/company/{realm}/companyinfo/{realm}";
    profile.id_token_claim = "realmid";
    profile.scopes = {"accounting"};
    clues.callback_extras = {{"realmId", "9130347"}};
  }

  test::VirtualClock clock;
  test::VirtualExecutor executor{clock};
  test::FakeTransport transport;
  RealmProof proof{transport};
  Registration registration;
  RealmProfile& profile = registration.provider.realm;
  TokenSet tokens;
  RealmClues clues;
};

TEST_F(RealmProofTest, without_a_source_the_realm_is_empty) {
  EXPECT_EQ(prove(), RealmId{});
  EXPECT_TRUE(transport.requests().empty());
}

TEST_F(RealmProofTest, a_realm_from_the_callback_is_proven_by_a_call_with_the_new_token) {
  like_quickbooks();
  transport.answer(200, R"({"CompanyInfo":{}})");
  EXPECT_EQ(prove(), RealmId{"9130347"});
  EXPECT_EQ(transport.last().method, "GET");
  EXPECT_EQ(transport.last().url, "https://api.example/v3/company/9130347/companyinfo/9130347");
  EXPECT_EQ(transport.last().headers.find("Authorization"), "Bearer at-canary");
  EXPECT_EQ(transport.last().headers.find("Accept"), "application/json");
}

TEST_F(RealmProofTest, a_realm_cannot_leave_its_place_in_the_url) {
  like_quickbooks();
  clues.callback_extras["realmId"] = "1/../2?x=#é";
  transport.answer(403, "");
  EXPECT_EQ(refusal(), Errc::forbidden);
  EXPECT_TRUE(transport.last().url.starts_with("https://api.example/v3/company/1%2F..%2F2%3Fx%3D%23%C3%A9/companyinfo/"));
}

TEST_F(RealmProofTest, realms_that_are_no_names_are_refused_before_any_call) {
  like_quickbooks();
  for (const auto& realm : {std::string{"."}, std::string{".."}, std::string{"a\nb"}, std::string{"\xFF"},
                            std::string{"a\0b", 3}, std::string(501, '1')}) {
    clues.callback_extras["realmId"] = realm;
    EXPECT_EQ(refusal(), Errc::invalid_argument);
  }
  EXPECT_TRUE(transport.requests().empty());
  clues.callback_extras["realmId"] = std::string(500, '1');
  transport.answer(200, "{}");
  EXPECT_TRUE(prove());
}

struct StatusRow {
  int status;
  Errc code;
};

TEST_F(RealmProofTest, every_other_answer_refuses_and_says_whether_to_try_again) {
  like_quickbooks();
  for (const auto& row : {StatusRow{401, Errc::forbidden}, StatusRow{403, Errc::forbidden}, StatusRow{404, Errc::forbidden},
                          StatusRow{500, Errc::provider_unavailable}, StatusRow{503, Errc::provider_unavailable},
                          StatusRow{429, Errc::provider_unavailable}, StatusRow{408, Errc::provider_unavailable},
                          StatusRow{400, Errc::provider_rejected}, StatusRow{302, Errc::provider_rejected},
                          StatusRow{204, Errc::provider_rejected}, StatusRow{201, Errc::provider_rejected}}) {
    transport.answer(row.status, "{}");
    EXPECT_EQ(refusal(), row.code) << row.status;
  }
  transport.refuse_connection();
  EXPECT_EQ(refusal(), Errc::provider_unavailable);
  transport.fail(test::answer_was_lost());
  EXPECT_EQ(refusal(), Errc::provider_unavailable);
}

TEST_F(RealmProofTest, what_kept_the_call_from_being_answered_is_said) {
  like_quickbooks();
  transport.fail({Errc::provider_unavailable, "the TLS certificate of api.example is not accepted (it has expired)", {}});
  const auto realm = prove();
  ASSERT_FALSE(realm);
  EXPECT_TRUE(realm.error().message.ends_with("the TLS certificate of api.example is not accepted (it has expired)"));
}

TEST_F(RealmProofTest, an_id_token_that_names_another_realm_refuses_before_any_call) {
  like_quickbooks();
  clues.id_token_claims = {{"realmid", "777"}};
  EXPECT_EQ(refusal(), Errc::forbidden);
  EXPECT_TRUE(transport.requests().empty());
  clues.id_token_claims = {{"realmid", "9130347"}};
  transport.answer(200, "{}");
  EXPECT_EQ(prove(), RealmId{"9130347"});
}

TEST_F(RealmProofTest, an_agreeing_id_token_does_not_replace_the_call) {
  like_quickbooks();
  clues.id_token_claims = {{"realmid", "9130347"}};
  transport.answer(403, "");
  EXPECT_EQ(refusal(), Errc::forbidden);
}

TEST_F(RealmProofTest, the_member_of_the_verifying_answer_must_be_the_realm) {
  like_quickbooks();
  profile.verify_member = "company.id";
  transport.answer(200, R"({"company":{"id":9130347}})");
  EXPECT_EQ(prove(), RealmId{"9130347"});
  for (const auto* body : {R"({"company":{"id":"9130348"}})", "{}", "", "<html>", R"({"company":{"id":null}})"}) {
    transport.answer(200, body);
    EXPECT_EQ(refusal(), Errc::forbidden) << body;
  }
}

TEST_F(RealmProofTest, a_missing_realm_is_an_error_where_the_scope_brings_one) {
  like_quickbooks();
  clues.callback_extras.clear();
  EXPECT_EQ(refusal(), Errc::invalid_argument);
}

TEST_F(RealmProofTest, a_missing_realm_is_an_empty_realm_where_the_scope_brings_none) {
  like_quickbooks();
  clues.callback_extras.clear();
  tokens.scope = {"openid"};
  EXPECT_EQ(prove(), RealmId{});
  EXPECT_TRUE(transport.requests().empty());
}

TEST_F(RealmProofTest, a_realm_that_the_scope_does_not_bring_is_still_proven) {
  like_quickbooks();
  tokens.scope = {"openid"};
  transport.answer(403, "");
  EXPECT_EQ(refusal(), Errc::forbidden);
}

TEST_F(RealmProofTest, a_callback_realm_that_nothing_vouches_for_is_refused) {
  like_quickbooks();
  profile.verify_url.clear();
  EXPECT_EQ(refusal(), Errc::forbidden);
  clues.id_token_claims = {{"realmid", "9130347"}};
  EXPECT_EQ(prove(), RealmId{"9130347"});
  clues.id_token_claims.clear();
  registration.provider.authorize.callback_hmac_parameter = "hmac";  // the callback itself was signed
  EXPECT_EQ(prove(), RealmId{"9130347"});
}

TEST_F(RealmProofTest, the_token_answer_holds_the_realm_shown_or_sealed) {
  profile.source = RealmSource::token_response;
  profile.field = "team.id";
  tokens.raw_extras = Secret{R"({"team":{"id":"T9"},"hub_id":62515})"};
  EXPECT_EQ(prove(), RealmId{"T9"});
  profile.field = "hub_id";
  EXPECT_EQ(prove(), RealmId{"62515"});
  profile.field = "instance";
  tokens.extras = {{"instance", "https://id.example/id/00D/005"}};
  EXPECT_EQ(prove(), RealmId{"https://id.example/id/00D/005"});
  profile.field = "absent";
  EXPECT_EQ(refusal(), Errc::invalid_argument);
  tokens.raw_extras = Secret{};
  EXPECT_EQ(refusal(), Errc::invalid_argument);
}

TEST_F(RealmProofTest, the_id_tokens_subject_can_be_the_realm) {
  profile.source = RealmSource::id_token;
  profile.field = "sub";
  clues.subject = "248289761001";
  EXPECT_EQ(prove(), RealmId{"248289761001"});
  profile.field = "tid";
  EXPECT_EQ(refusal(), Errc::invalid_argument);
  clues.id_token_claims = {{"tid", "t-1"}};
  EXPECT_EQ(prove(), RealmId{"t-1"});
}

TEST_F(RealmProofTest, what_userinfo_says_is_the_realm) {
  profile.source = RealmSource::userinfo;
  profile.field = "account.id";
  EXPECT_EQ(refusal(), Errc::invalid_argument) << "it was not asked";
  clues.user_info = boost::json::parse(R"({"sub":"s","account":{"id":17}})").as_object();
  EXPECT_EQ(prove(), RealmId{"17"});
  clues.user_info = boost::json::parse(R"({"sub":"s"})").as_object();
  EXPECT_EQ(refusal(), Errc::invalid_argument);
  EXPECT_TRUE(transport.requests().empty());
}

TEST_F(RealmProofTest, a_realm_that_is_there_counts_whatever_scope_the_answer_names) {
  profile.source = RealmSource::id_token;
  profile.field = "sub";
  profile.scopes = {"openid"};
  clues.subject = "user-1";
  clues.id_token_claims = {{"sub", "user-1"}};
  EXPECT_EQ(prove(), RealmId{"user-1"});
}

TEST_F(RealmProofTest, userinfo_gives_no_realm_without_the_scope_that_opens_it) {
  profile.source = RealmSource::userinfo;
  profile.field = "id";
  profile.scopes = {"read:me"};
  EXPECT_EQ(prove(), RealmId{});
}

struct ListRow {
  std::string_view body;
  RealmChoice choice;
  std::optional<std::string_view> realm;
  Errc code;
};

TEST_F(RealmProofTest, a_list_of_accounts_must_hold_exactly_one_unless_the_first_will_do) {
  profile.source = RealmSource::api;
  profile.field = "tenantId";
  profile.list_url = "https://api.example/connections";
  const ListRow rows[] = {
      {R"([{"tenantId":"a"}])", RealmChoice::only, "a", Errc::internal},
      {R"([{"tenantId":"a"},{"tenantId":"a","tenantType":"ORG"}])", RealmChoice::only, "a", Errc::internal},
      {R"([{"tenantId":"a"},{"tenantId":"b"}])", RealmChoice::first, "a", Errc::internal},
      {R"([{"tenantId":"a"},{"tenantId":"b"}])", RealmChoice::only, std::nullopt, Errc::forbidden},
      {R"([])", RealmChoice::only, std::nullopt, Errc::invalid_argument},
      {R"([{"other":1}])", RealmChoice::first, std::nullopt, Errc::invalid_argument},
      {R"({"tenantId":"a"})", RealmChoice::first, std::nullopt, Errc::forbidden},
      {R"([{"tenantId":".."}])", RealmChoice::only, std::nullopt, Errc::invalid_argument}};
  for (const auto& row : rows) {
    profile.choice = row.choice;
    transport.answer(200, std::string{row.body});
    if (row.realm) {
      EXPECT_EQ(prove(), RealmId{*row.realm}) << row.body;
    } else {
      EXPECT_EQ(refusal(), row.code) << row.body;
    }
  }
  EXPECT_EQ(transport.last().url, "https://api.example/connections");
}

TEST_F(RealmProofTest, a_list_inside_an_object_is_found_by_its_member) {
  profile.source = RealmSource::api;
  profile.field = "id";
  profile.list_url = "https://api.example/accounts";
  profile.list_member = "data.accounts";
  transport.answer(200, R"({"data":{"accounts":[{"id":5}]}})");
  EXPECT_EQ(prove(), RealmId{"5"});
}

TEST_F(RealmProofTest, the_token_travels_as_the_profile_says_with_its_further_headers) {
  like_quickbooks();
  auto& inject = registration.provider.inject;
  inject.header = "X-Shop-Token";
  inject.format = "{token}";
  inject.extra_headers = {{"xero-tenant-id", "{realm}"}, {"Version", "3"}};
  transport.answer(200, "{}");
  ASSERT_TRUE(prove());
  EXPECT_EQ(transport.last().headers.find("X-Shop-Token"), "at-canary");
  EXPECT_EQ(transport.last().headers.find("xero-tenant-id"), "9130347");
  EXPECT_EQ(transport.last().headers.find("version"), "3");
  EXPECT_FALSE(transport.last().headers.find("Authorization"));
}

TEST_F(RealmProofTest, a_realm_never_chooses_the_host_that_the_token_is_sent_to) {
  like_quickbooks();
  profile.verify_url = "https://{realm}/admin";
  registration.provider.inject.allowed_hosts = {"*.shops.example"};
  for (const auto* realm : {"evil.example", "shops.example", "evilshops.example", "a.shops.example.evil.example",
                            "localhost", "evil.example%2f.shops.example"}) {
    clues.callback_extras["realmId"] = realm;
    const auto code = refusal();
    EXPECT_TRUE(code == Errc::forbidden || code == Errc::invalid_argument) << realm;
  }
  EXPECT_TRUE(transport.requests().empty());
  clues.callback_extras["realmId"] = "one.shops.example";
  transport.answer(200, "{}");
  EXPECT_EQ(prove(), RealmId{"one.shops.example"});
  EXPECT_EQ(transport.last().url, "https://one.shops.example/admin");
}

TEST_F(RealmProofTest, host_variables_are_filled_only_with_values_that_their_patterns_allow) {
  like_quickbooks();
  registration.provider.host_variables = {
      {.name = "dc", .source = "callback", .field = "location", .pattern = "^[a-z]{2}$", .fallback = "us"}};
  profile.verify_url = "https://api.{dc}.example/{realm}";
  transport.answer(200, "{}");
  ASSERT_TRUE(prove());
  EXPECT_EQ(transport.last().url, "https://api.us.example/9130347");
  clues.callback_extras["location"] = "eu";
  transport.answer(200, "{}");
  ASSERT_TRUE(prove());
  EXPECT_EQ(transport.last().url, "https://api.eu.example/9130347");
  clues.callback_extras["location"] = "evil.example/";
  EXPECT_EQ(refusal(), Errc::invalid_argument);
}

TEST_F(RealmProofTest, the_token_is_not_sent_in_the_clear) {
  like_quickbooks();
  profile.verify_url = "http://api.example/{realm}";
  EXPECT_EQ(refusal(), Errc::invalid_argument);
  EXPECT_TRUE(transport.requests().empty());
}

}  // namespace
}  // namespace evergrant
