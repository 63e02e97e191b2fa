#include "oauth/metadata.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "support/fake_transport.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view metadata_url = "https://id.example/.well-known/openid-configuration";

std::string document(std::string_view token_host = "id.example") {
  return R"({"issuer":"https://id.example","token_endpoint":"https://)" + std::string{token_host} +
         R"(/token","jwks_uri":"https://id.example/jwks"})";
}

HttpResponse cached(std::string body, std::string cache_control) {
  HttpResponse response = http_answer(200, std::move(body));
  response.headers.add("Cache-Control", std::move(cache_control));
  return response;
}

class ProviderDirectoryTest : public testing::Test {
 protected:
  ProviderDirectoryTest() {
    provider.id = ProviderId{"example"};
    provider.issuer = "https://id.example";
    provider.metadata_mode = MetadataMode::discovery;
  }

  Result<ResolvedProvider> resolve() { return run(executor, directory.resolve(provider)); }
  Result<std::shared_ptr<const JwkSet>> keys(bool refetch = false) {
    ResolvedProvider resolved;
    resolved.endpoints.jwks = "https://id.example/jwks";
    return run(executor, directory.keys(resolved, refetch));
  }
  std::size_t requests() const { return transport.requests().size(); }
  static std::string key_set(std::string kid) {
    return R"({"keys":[)" + SigningKey::generate("EdDSA", std::move(kid)).value().public_jwk() + "]}";
  }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  FakeTransport transport;
  std::string lines;
  std::unique_ptr<Log> log = Log::into(lines);
  Metrics metrics;
  ProviderDirectory directory{transport, clock, *log, metrics};
  Provider provider;
};

TEST_F(ProviderDirectoryTest, a_fixed_provider_needs_no_document) {
  provider.metadata_mode = MetadataMode::fixed;
  provider.endpoints.token = "https://id.example/fixed";
  EXPECT_EQ(resolve()->endpoints.token, "https://id.example/fixed");
  EXPECT_EQ(requests(), 0U);
}

TEST_F(ProviderDirectoryTest, a_document_is_fetched_once_and_used_while_it_is_fresh) {
  transport.answer(200, document());
  EXPECT_EQ(resolve()->endpoints.token, "https://id.example/token");
  EXPECT_EQ(transport.last().url, metadata_url);
  EXPECT_EQ(transport.last().method, "GET");
  EXPECT_EQ(transport.last().max_body, 512U * 1024U);
  clock.advance(47min);
  EXPECT_TRUE(resolve());
  EXPECT_EQ(requests(), 1U);
  clock.advance(14min);
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
  EXPECT_EQ(requests(), 2U);
}

TEST_F(ProviderDirectoryTest, a_document_near_its_end_is_renewed_behind_those_who_read_it) {
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
  clock.advance(49min);
  const auto held = transport.answer_when_set();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(resolve()) << "nobody waits for the new one";
  EXPECT_EQ(requests(), 2U);
  held.set(http_answer(200, document()));
  executor.run_until_idle();
  clock.advance(30min);
  EXPECT_TRUE(resolve());
  EXPECT_EQ(requests(), 2U) << "the new one is fresh";
}

TEST_F(ProviderDirectoryTest, a_failure_behind_costs_nobody_anything_and_is_not_repeated_at_once) {
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
  clock.advance(49min);
  transport.otherwise([](const OutboundRequest&) { return std::unexpected(nothing_was_sent()); });
  EXPECT_TRUE(resolve());
  const auto tried = requests();
  EXPECT_TRUE(resolve());
  EXPECT_EQ(requests(), tried);
}

TEST_F(ProviderDirectoryTest, all_who_ask_at_once_share_one_fetch) {
  const auto held = transport.answer_when_set();
  int answered = 0;
  for (int i = 0; i < 5; ++i) {
    spawn(executor, [](ProviderDirectory& all, const Provider& one, int& count) -> Task<void> {
      const auto resolved = co_await all.resolve(one);  // ends with the one answer
      if (resolved && resolved->endpoints.token == "https://id.example/token") ++count;
    }(directory, provider, answered));
  }
  executor.run_until_idle();
  EXPECT_EQ(requests(), 1U);
  EXPECT_EQ(answered, 0);
  held.set(http_answer(200, document()));
  executor.run_until_idle();
  EXPECT_EQ(answered, 5);
}

TEST_F(ProviderDirectoryTest, the_other_places_are_tried_where_the_first_has_none) {
  transport.answer(404, "no");
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
  EXPECT_EQ(transport.last().url, "https://id.example/.well-known/oauth-authorization-server");
}

TEST_F(ProviderDirectoryTest, a_document_of_another_issuer_is_not_used) {
  provider.metadata_url = "https://id.example/document";
  transport.answer(200, R"({"issuer":"https://evil.example","token_endpoint":"https://evil.example/token"})");
  const auto resolved = resolve();
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().code, Errc::provider_rejected);
  EXPECT_NE(resolved.error().message.find("https://evil.example"), std::string::npos);
  EXPECT_EQ(transport.last().url, "https://id.example/document");
}

TEST_F(ProviderDirectoryTest, a_redirect_is_no_document) {
  provider.metadata_url = "https://id.example/document";
  HttpResponse redirect = http_answer(302, "");
  redirect.headers.add("Location", "https://evil.example/document");
  transport.answer(redirect);
  EXPECT_EQ(resolve().error().code, Errc::provider_unavailable);
  EXPECT_EQ(requests(), 1U);
}

TEST_F(ProviderDirectoryTest, a_stale_document_serves_for_a_day_while_the_provider_fails) {
  provider.metadata_url = "https://id.example/document";
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
  transport.otherwise([](const OutboundRequest&) { return std::unexpected(nothing_was_sent()); });
  clock.advance(2h);
  EXPECT_EQ(resolve()->endpoints.token, "https://id.example/token");
  EXPECT_EQ(requests(), 2U);
  EXPECT_TRUE(resolve());
  EXPECT_EQ(requests(), 2U) << "a failure is remembered for a moment";
  clock.advance(31s);
  EXPECT_TRUE(resolve());
  executor.run_until_idle();
  EXPECT_EQ(requests(), 3U);
  clock.advance(23h);
  EXPECT_EQ(resolve().error().code, Errc::provider_unavailable);
}

TEST_F(ProviderDirectoryTest, while_the_provider_fails_nobody_waits_for_a_document_that_still_serves) {
  provider.metadata_url = "https://id.example/document";
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
  clock.advance(2h);
  transport.fail(answer_was_lost());
  EXPECT_TRUE(resolve());
  clock.advance(31s);
  const auto held = transport.answer_when_set();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(resolve()) << "the next attempt is made behind";
  EXPECT_EQ(requests(), 3U);
  held.set(http_answer(200, document("new.example")));
  executor.run_until_idle();
  EXPECT_EQ(resolve()->endpoints.token, "https://new.example/token");
}

TEST_F(ProviderDirectoryTest, a_clock_that_was_set_back_keeps_no_document_fresh) {
  clock.advance(24h * 365);
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
  clock.advance(-24h * 365);
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
  EXPECT_EQ(requests(), 2U);
}

TEST_F(ProviderDirectoryTest, a_failure_is_not_asked_for_again_at_once_and_then_it_is) {
  provider.metadata_url = "https://id.example/document";
  transport.fail(answer_was_lost());
  EXPECT_EQ(resolve().error().code, Errc::provider_unavailable);
  EXPECT_EQ(resolve().error().code, Errc::provider_unavailable);
  EXPECT_EQ(requests(), 1U);
  clock.advance(30s);
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
}

TEST_F(ProviderDirectoryTest, a_hybrid_profile_with_its_own_token_endpoint_outlives_its_documents_outage) {
  provider.metadata_mode = MetadataMode::hybrid;
  provider.metadata_url = "https://id.example/document";
  provider.endpoints.token = "https://profile.example/token";
  transport.answer(503, "");
  EXPECT_EQ(resolve()->endpoints.token, "https://profile.example/token");
  EXPECT_TRUE(resolve()->endpoints.jwks.empty());
  EXPECT_EQ(lines.find("provider_metadata_unavailable"), lines.rfind("provider_metadata_unavailable"));
  EXPECT_NE(lines.find("provider_metadata_unavailable"), std::string::npos);
  EXPECT_TRUE(resolve()->document_missing);
  clock.advance(30s);
  const auto held = transport.answer_when_set();
  EXPECT_TRUE(resolve()->document_missing) << "without waiting for the next attempt";
  held.set(http_answer(200, document()));
  executor.run_until_idle();
  EXPECT_EQ(resolve()->endpoints.jwks, "https://id.example/jwks");
  EXPECT_EQ(resolve()->endpoints.token, "https://profile.example/token");
}

TEST_F(ProviderDirectoryTest, a_hybrid_profile_without_token_endpoint_does_not) {
  provider.metadata_mode = MetadataMode::hybrid;
  provider.metadata_url = "https://id.example/document";
  transport.answer(503, "");
  EXPECT_EQ(resolve().error().code, Errc::provider_unavailable);
}

TEST_F(ProviderDirectoryTest, an_endpoint_that_moves_to_another_host_is_told) {
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
  EXPECT_EQ(lines.find("provider_endpoint_moved"), std::string::npos);
  clock.advance(2h);
  transport.answer(200, document("other.example"));
  EXPECT_EQ(resolve()->endpoints.token, "https://other.example/token");
  EXPECT_NE(lines.find("provider_endpoint_moved"), std::string::npos) << lines;
  EXPECT_NE(lines.find("https://other.example"), std::string::npos) << lines;
}

// As registrations of the profile oidc have.
TEST_F(ProviderDirectoryTest, two_issuers_under_one_id_are_told_apart) {
  Provider second = provider;
  second.issuer = "https://second.example";
  const auto moved = [&](const Provider& one, const std::string& token) {
    auto of_issuer = boost::json::parse(document()).as_object();
    of_issuer["issuer"] = one.issuer;
    of_issuer["token_endpoint"] = token;
    transport.answer(200, boost::json::serialize(of_issuer));
    EXPECT_TRUE(run(executor, directory.resolve(one)));
  };
  moved(provider, "https://id.example/token");
  moved(second, "https://second.example/token");
  clock.advance(2h);
  moved(provider, "https://thief.example/token");
  moved(second, "https://thief.example/token");
  EXPECT_NE(metrics.render().find("evergrant_provider_endpoints_moved_total{provider=\"example\"} 2"), std::string::npos)
      << metrics.render();
}

TEST_F(ProviderDirectoryTest, a_document_that_moves_an_endpoint_is_not_believed_where_the_provider_holds_them) {
  provider.holds_endpoints = true;
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
  clock.advance(2h);
  transport.answer(200, document("other.example"));
  EXPECT_EQ(resolve()->endpoints.token, "https://id.example/token") << "the last good one serves on";
  EXPECT_NE(lines.find("provider_endpoint_moved"), std::string::npos) << lines;
  EXPECT_NE(metrics.render().find("evergrant_provider_endpoints_moved_total{provider=\"example\"} 1"), std::string::npos)
      << metrics.render();
  const auto told = [&] {
    std::size_t times = 0;
    for (auto at = lines.find("provider_endpoint_moved"); at != std::string::npos;
         at = lines.find("provider_endpoint_moved", at + 1)) {
      ++times;
    }
    return times;
  };
  EXPECT_EQ(told(), 1U);
  for (int i = 0; i < 3; ++i) {
    clock.advance(30s);
    transport.answer(200, document("other.example"));
    EXPECT_TRUE(resolve());
    executor.run_until_idle();
  }
  EXPECT_EQ(told(), 1U) << "the same place is told once";
  clock.advance(30s);
  transport.answer(200, document("third.example"));
  EXPECT_TRUE(resolve());
  executor.run_until_idle();
  EXPECT_EQ(told(), 2U);
  clock.advance(25h);
  transport.answer(200, document("other.example"));
  const auto resolved = resolve();
  ASSERT_FALSE(resolved) << "and for a day only";
  EXPECT_EQ(resolved.error().code, Errc::provider_rejected);
}

TEST_F(ProviderDirectoryTest, an_endpoint_is_not_moved_in_two_steps_either) {
  provider.holds_endpoints = true;
  transport.answer(200, document());
  EXPECT_TRUE(resolve());
  clock.advance(2h);
  auto without = boost::json::parse(document()).as_object();
  without.erase("token_endpoint");
  transport.answer(200, boost::json::serialize(without));
  EXPECT_EQ(resolve()->endpoints.token, "");
  clock.advance(2h);
  transport.answer(200, document("other.example"));
  EXPECT_EQ(resolve()->endpoints.token, "") << "it was elsewhere when it was last named";
  EXPECT_NE(lines.find("provider_endpoint_moved"), std::string::npos) << lines;
}

TEST_F(ProviderDirectoryTest, a_private_key_that_is_published_is_cried_out) {
  auto set = boost::json::parse(key_set("one")).as_object();
  boost::json::object given_away = set.at("keys").as_array().at(0).as_object();
  given_away["d"] = "AQAB";
  set.at("keys").as_array().push_back(given_away);
  transport.answer(200, boost::json::serialize(set));
  ASSERT_TRUE(keys());
  EXPECT_NE(lines.find("provider_private_key_published"), std::string::npos) << lines;
  EXPECT_NE(metrics.render().find("evergrant_provider_private_keys_total"), std::string::npos);
}

TEST_F(ProviderDirectoryTest, a_template_issuer_needs_a_metadata_url) {
  provider.issuer = "https://id.example/{tenantid}";
  EXPECT_EQ(resolve().error().code, Errc::invalid_argument);
  EXPECT_EQ(requests(), 0U);
}

TEST_F(ProviderDirectoryTest, keys_are_fetched_once_and_again_out_of_turn_at_most_once_a_minute) {
  transport.answer(200, key_set("one"));
  EXPECT_EQ(keys()->get()->keys.at(0).kid(), "one");
  EXPECT_EQ(keys()->get()->keys.at(0).kid(), "one");
  EXPECT_EQ(requests(), 1U);
  transport.answer(200, key_set("two"));
  EXPECT_EQ(keys(true)->get()->keys.at(0).kid(), "two") << "the first unknown key is looked for at once";
  clock.advance(59s);
  EXPECT_EQ(keys(true)->get()->keys.at(0).kid(), "two");
  EXPECT_EQ(requests(), 2U);
  clock.advance(1s);
  transport.answer(200, key_set("three"));
  EXPECT_EQ(keys(true)->get()->keys.at(0).kid(), "three");
}

TEST_F(ProviderDirectoryTest, the_last_good_keys_stay_when_the_next_answer_is_bad) {
  transport.answer(200, key_set("one"));
  EXPECT_TRUE(keys());
  transport.answer(200, "<html>");
  EXPECT_EQ(keys(true)->get()->keys.at(0).kid(), "one");
  clock.advance(60s);
  transport.answer(500, key_set("two"));
  EXPECT_EQ(keys(true)->get()->keys.at(0).kid(), "one");
  EXPECT_EQ(requests(), 3U);
}

// A provider withdraws a stolen key by a set without it: then nobody signs in until there is one that can be used.
TEST_F(ProviderDirectoryTest, a_set_without_a_usable_key_takes_the_place_of_the_one_before) {
  for (const std::string empty : {R"({"keys":[]})", R"({"keys":[{"kty":"oct","k":"AAAA"}]})"}) {
    transport.answer(200, key_set("one"));
    EXPECT_TRUE(keys(true));
    clock.advance(60s);
    transport.answer(200, empty);
    EXPECT_EQ(keys(true).error().code, Errc::provider_rejected);
    const auto asked = requests();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(keys().error().code, Errc::provider_rejected);
    EXPECT_EQ(requests(), asked) << "it is asked again once a minute";
    clock.advance(60s);
    transport.answer(200, key_set("two"));
    EXPECT_EQ(keys()->get()->keys.at(0).kid(), "two");
    clock.advance(60s);
  }
}

TEST_F(ProviderDirectoryTest, a_fresh_set_is_given_without_waiting_for_a_refetch_in_flight) {
  transport.answer(200, key_set("one"));
  EXPECT_TRUE(keys());
  const auto held = transport.answer_when_set();
  bool refetched = false;
  ResolvedProvider resolved;
  resolved.endpoints.jwks = "https://id.example/jwks";
  spawn(executor, [](ProviderDirectory& all, ResolvedProvider one, bool& done) -> Task<void> {
    const auto set = co_await all.keys(std::move(one), true);  // ends with the held answer
    done = set && (*set)->keys.at(0).kid() == "two";
  }(directory, resolved, refetched));
  executor.run_until_idle();
  EXPECT_EQ(keys()->get()->keys.at(0).kid(), "one");
  EXPECT_FALSE(refetched);
  held.set(http_answer(200, key_set("two")));
  executor.run_until_idle();
  EXPECT_TRUE(refetched);
}

TEST_F(ProviderDirectoryTest, a_key_that_is_left_out_is_told) {
  transport.answer(
      200, R"({"keys":[{"kty":"oct","k":"AAAA"},)" + SigningKey::generate("EdDSA", "good").value().public_jwk() + "]}");
  EXPECT_EQ(keys()->get()->keys.size(), 1U);
  EXPECT_NE(lines.find("provider_key_skipped"), std::string::npos);
}

TEST_F(ProviderDirectoryTest, a_provider_without_key_set_has_no_keys) {
  EXPECT_EQ(run(executor, directory.keys(ResolvedProvider{})).error().code, Errc::unsupported);
}

TEST_F(ProviderDirectoryTest, a_strangers_key_set_is_fetched_behind_the_address_guard) {
  ResolvedProvider resolved;
  resolved.endpoints.jwks = "https://keys.example/jwks";
  resolved.jwks_rule = AddressRule::remote;
  transport.answer(200, key_set("one"));
  EXPECT_TRUE(run(executor, directory.keys(resolved)));
  EXPECT_EQ(transport.last().address_rule, AddressRule::remote);
  EXPECT_FALSE(transport.last().allow_loopback_http);
}

TEST(DocumentLifetime, follows_cache_control_within_bounds) {
  const CacheRules rules;
  const auto lifetime = [&rules](std::string cache_control) {
    return lifetime_of(cached("", std::move(cache_control)).headers, rules);
  };
  EXPECT_EQ(lifetime_of(Headers{}, rules), 1h);
  EXPECT_EQ(lifetime("public"), 1h);
  EXPECT_EQ(lifetime("public, max-age=7200"), 2h);
  EXPECT_EQ(lifetime("Max-Age=\"7200\""), 2h);
  EXPECT_EQ(lifetime("max-age=1"), 5min);
  EXPECT_EQ(lifetime("max-age=-5"), 5min);
  EXPECT_EQ(lifetime("max-age=7200, max-age=3600"), 1h);
  EXPECT_EQ(lifetime("max-age=604800"), 24h);
  EXPECT_EQ(lifetime("max-age=99999999999999999999"), 24h);
  EXPECT_EQ(lifetime("max-age=soon"), 1h);
  EXPECT_EQ(lifetime("max-age=7200, no-store"), 5min);
  EXPECT_EQ(lifetime("no-cache"), 5min);
}

}  // namespace
}  // namespace evergrant::test
