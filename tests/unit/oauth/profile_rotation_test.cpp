// How refresh tokens change, in every shipped profile: stated, with its source, as the survey of providers has it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/encoding.hpp"
#include "oauth/profile.hpp"
#include "oauth/profile_check.hpp"
#include "unit/oauth/profiles.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
namespace fs = std::filesystem;

struct Facts {
  Rotation rotation;
  Duration grace = 0ms;
  bool kills_access_token = false;  // REF-16
  std::optional<Duration> idle = std::nullopt;
  std::optional<Duration> absolute = std::nullopt;
  Duration min_interval = 0ms;
  std::optional<Duration> earliest = std::nullopt;
  std::string shared_key = {};          // REF-22
  std::vector<std::string> pairs = {};  // REF-23
  RefreshMode mode = RefreshMode::refresh_token;
};

const std::map<std::string, Facts> facts{
    {"atlassian", {.rotation = Rotation::always_with_grace, .grace = 10min, .idle = days{90}, .absolute = days{365}}},
    {"box", {.rotation = Rotation::always_strict, .idle = days{60}}},
    {"docusign", {.rotation = Rotation::always_strict, .idle = days{30}}},
    {"dropbox", {.rotation = Rotation::never}},
    {"facebook", {.rotation = Rotation::self_refresh, .mode = RefreshMode::access_token_exchange}},
    {"github", {.rotation = Rotation::always_strict, .kills_access_token = true, .idle = days{182}}},
    {"gitlab", {.rotation = Rotation::always_strict, .kills_access_token = true}},
    {"google", {.rotation = Rotation::never, .idle = days{180}}},
    {"hubspot", {.rotation = Rotation::never, .shared_key = "hub_id"}},
    {"microsoft", {.rotation = Rotation::always_with_grace, .grace = 24h, .idle = days{90}}},
    {"notion", {.rotation = Rotation::always_strict}},
    {"oauth2", {.rotation = Rotation::always_strict}},
    {"oidc", {.rotation = Rotation::always_strict}},
    {"quickbooks", {.rotation = Rotation::sometimes, .idle = days{100}, .absolute = days{365 * 5}}},
    {"salesforce", {.rotation = Rotation::sometimes, .min_interval = 30s}},
    {"sandbox", {.rotation = Rotation::sometimes, .idle = days{100}, .absolute = days{365 * 5}}},
    {"shopify", {.rotation = Rotation::always_strict, .idle = days{90}}},
    {"slack", {.rotation = Rotation::always_strict, .pairs = {"user"}}},
    {"square", {.rotation = Rotation::never}},
    {"xero", {.rotation = Rotation::always_with_grace, .grace = 30min, .idle = days{60}}},
    {"zoho", {.rotation = Rotation::never, .min_interval = 2min}},
};

TEST(ProfileRotation, every_shipped_profile_has_the_facts_of_its_provider) {
  const auto catalogue = load_profiles({shipped_profiles});
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  EXPECT_EQ(catalogue->ids().size(), facts.size());
  for (const Provider& provider : catalogue->all()) {
    ASSERT_TRUE(facts.contains(provider.id.str())) << provider.id.str() << " is new: give its facts";
    const Facts& known = facts.at(provider.id.str());
    const RefreshProfile& refresh = provider.refresh;
    EXPECT_EQ(refresh.rotation, known.rotation) << provider.id.str();
    EXPECT_EQ(refresh.mode, known.mode) << provider.id.str();
    EXPECT_EQ(refresh.grace, known.grace) << provider.id.str();
    EXPECT_EQ(refresh.invalidates_old_access_token, known.kills_access_token) << provider.id.str();
    EXPECT_EQ(refresh.idle_window, known.idle) << provider.id.str();
    EXPECT_EQ(refresh.absolute_window, known.absolute) << provider.id.str();
    EXPECT_EQ(refresh.min_interval, known.min_interval) << provider.id.str();
    EXPECT_EQ(refresh.earliest_before_expiry, known.earliest) << provider.id.str();
    EXPECT_EQ(provider.revoke.shared_grant_key, known.shared_key) << provider.id.str();
    std::vector<std::string> pairs;
    for (const auto& pair : provider.token.pairs) pairs.push_back(pair.name);
    EXPECT_EQ(pairs, known.pairs) << provider.id.str();
  }
}

// The rotation decides what is sent after a lost answer: it is never left to a default, and never without its source. The
// sandbox is our own.
TEST(ProfileRotation, every_shipped_file_says_its_rotation_and_where_that_is_known_from) {
  for (const auto& entry : fs::directory_iterator{shipped_profiles}) {
    if (entry.path().extension() != ".toml") continue;
    std::ifstream file{entry.path()};
    std::string section;
    int stated = 0;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with('[')) section = line.substr(0, line.find(']') + 1);
      if (section != "[refresh]" || line.starts_with('#') || !line.contains(" = ")) continue;
      if (line.starts_with("rotation = ")) ++stated;
      if (entry.path().stem() == "sandbox") continue;
      const auto comment = line.find('#');
      ASSERT_NE(comment, std::string::npos) << entry.path().filename() << ": " << line;
      EXPECT_GT(trim(std::string_view{line}.substr(comment + 1)).size(), 3U) << line;
    }
    EXPECT_EQ(stated, 1) << entry.path().filename();
  }
}

constexpr std::string_view silent = R"(display_name = "X"
[endpoints]
authorize = "https://x.example/authorize"
token = "https://x.example/token"
[revoke]
style = "none"
)";

TEST(ProfileRotation, a_profile_that_does_not_say_is_treated_as_strict) {
  const auto loaded = parse_profile(silent, "x.toml");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->front().refresh.rotation, Rotation::always_strict);
  EXPECT_EQ(loaded->front().refresh.grace, 0ms);
  EXPECT_TRUE(loaded->front().refresh.keeps_refresh_token);
}

TEST(ProfileRotation, a_rotation_that_nobody_knows_is_refused_by_name) {
  const auto loaded = parse_profile(std::string{silent} + "[refresh]\nrotation = \"weekly\"\n", "x.toml");
  ASSERT_FALSE(loaded);
  EXPECT_TRUE(loaded.error().message.starts_with("x.toml:8:1: field 'refresh.rotation': found \"weekly\", expected one of "))
      << loaded.error().message;
}

TEST(ProfileRotation, exchanges_and_pairs_are_checked) {
  struct Row {
    std::string field;
    void (*spoil)(Provider&);
  };
  const Row table[] = {
      {"refresh.rotation", [](Provider& p) { p.refresh.mode = RefreshMode::access_token_exchange; }},
      {"refresh.grant_type", [](Provider& p) { p.refresh.grant_type = ""; }},
      {"refresh.credential_parameter", [](Provider& p) { p.refresh.credential_parameter = "client_secret"; }},
      {"refresh.credential_parameter", [](Provider& p) { p.refresh.credential_parameter = ""; }},
      {"revoke.method", [](Provider& p) { p.revoke.method = "GET"; }},
      {"revoke.method", [](Provider& p) { p.revoke.method = "DELETE"; }},
      {"token.pair", [](Provider& p) { p.token.pairs = {{.name = "User", .path = "u"}}; }},
      {"token.pair", [](Provider& p) { p.token.pairs = {{.name = "", .path = "u"}}; }},
      {"token.pair", [](Provider& p) { p.token.pairs = {{.name = "user", .path = ""}}; }},
      {"token.pair", [](Provider& p) { p.token.pairs = {{.name = "user", .path = "u"}, {.name = "user", .path = "v"}}; }},
  };
  for (const auto& row : table) {
    Provider provider = sound_profile();
    row.spoil(provider);
    const auto problems = check_profile(provider);
    EXPECT_TRUE(std::ranges::any_of(problems, [&](const ProfileProblem& p) { return p.field == row.field; }))
        << row.field << " in row " << &row - table;
  }
  Provider good = sound_profile();
  good.refresh.mode = RefreshMode::access_token_exchange;
  good.refresh.rotation = Rotation::self_refresh;
  good.token.pairs = {{.name = "user", .path = "authed_user"}, {.name = "admin", .path = "data.admin"}};
  EXPECT_TRUE(check_profile(good).empty());
}

}  // namespace
}  // namespace evergrant::test
