#include "app/config_local_callers.hpp"

#include <gtest/gtest.h>

#include "unit/app/config_fixture.hpp"

namespace evergrant::test {
namespace {

const std::string with_socket = "[server]\nunix_socket = \"/run/e.sock\"\npublic_url = \"https://x.example\"\n";

std::string local_caller(const std::string& more) {
  return "[[local_caller]]\nname = \"app\"\nverbs = [\"token:read\"]\nregistrations = [\"qb\"]\ntenants = [\"*\"]\n" + more;
}

std::string config_text(const std::string& callers, const std::string& server = with_socket) {
  return server + std::string{small_config} + callers;
}

TEST(LocalCallersOfConfig, a_user_is_named_or_numbered) {
  for (const std::string who : {"uid = 0\n", "user = \"root\"\n", "user = \"root\"\nuid = 0\n"}) {
    const auto config = parsed_config(config_text(local_caller(who + "paths = [\"/v3\"]\nrequests_per_minute = 5\n")));
    ASSERT_EQ(config.local_callers.size(), 1U) << who;
    const auto callers = make_local_callers(config.local_callers);
    const auto known = callers->authenticate({.uid = 0, .gid = 0, .pid = 1});
    ASSERT_TRUE(known) << who;
    EXPECT_EQ((*known)->id, CallerId{"local:app"});
    EXPECT_EQ((*known)->policy.verbs, std::vector{Verb::token_read});
    EXPECT_EQ((*known)->policy.registrations, std::vector{RegistrationId{"qb"}});
    EXPECT_EQ((*known)->policy.paths, std::vector<std::string>{"/v3"});
    EXPECT_EQ((*known)->policy.requests_per_minute, 5);
  }
}

TEST(LocalCallersOfConfig, what_cannot_be_meant_is_refused_with_its_place) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {config_text(local_caller("")), "field 'local_caller.user': missing"},
      {config_text(local_caller("user = \"no-such-user\"\n")), "this machine knows no user 'no-such-user'"},
      {config_text(local_caller("user = \"root\"\nuid = 7\n")), "is not that of user 'root'"},
      {config_text(local_caller("uid = -1\n")), "field 'local_caller.uid'"},
      {config_text(local_caller("uid = 0\nmode = 1\n")), "local_caller.mode"},
      {config_text(local_caller("uid = 0\npaths = [\"v3\"]\n")), "'v3' is not a path pattern"},
      {config_text(local_caller("uid = 0\n") + local_caller("uid = 1\n")), "is taken by an earlier local_caller"},
      {config_text("[[local_caller]]\nname = \"app\"\nuid = 0\n"), "field 'local_caller.verbs'"},
      {config_text("[[local_caller]]\nname = \"App\"\nuid = 0\nverbs = [\"connect\"]\nregistrations = []\ntenants = []\n"),
       "expected 1 to 64 of a-z"},
      {config_text("[[local_caller]]\nname = \"a\"\nuid = 0\nverbs = [\"token\"]\nregistrations = []\ntenants = []\n"),
       "'token' is not a verb"},
      {config_text(
           "[[local_caller]]\nname = \"a\"\nuid = 0\nverbs = [\"connect\"]\nregistrations = [\"x\"]\ntenants = []\n"),
       "there is no registration 'x'"},
      {config_text(local_caller("uid = 0\n"), ""), "only where server.unix_socket is set"},
      {config_text(local_caller("uid = 0\n"), with_socket + "trusted_proxies = [\"unix\"]\n"), "speaks for others"},
  };
  for (const auto& [text, complaint] : rows) {
    const auto config = parse_config(text, "e.toml");
    ASSERT_FALSE(config) << complaint;
    EXPECT_TRUE(config.error().message.contains(complaint)) << config.error().message;
  }
}

TEST(SocketOfConfig, modes_are_those_that_chmod_would_give_a_socket) {
  const auto mode_of = [](const std::string& mode) {
    return parse_config(config_text("", with_socket + "unix_socket_mode = \"" + mode + "\"\n"), "e.toml");
  };
  EXPECT_EQ(mode_of("0600")->server.unix_socket_mode, 0600U);
  EXPECT_EQ(mode_of("660")->server.unix_socket_mode, 0660U);
  EXPECT_EQ(mode_of("0666")->server.unix_socket_mode, 0666U);
  for (const std::string mode : {"", "0", "0700", "0777", "1666", "rw", "0x1b0", "0680", "0066", "-600"}) {
    EXPECT_FALSE(mode_of(mode)) << mode;
  }
}

TEST(SocketOfConfig, beside_tcp_the_rules_of_tcp_hold) {
  const std::string both = "[server]\nunix_socket = \"/run/e.sock\"\nunix_socket_beside_tcp = true\n";
  EXPECT_EQ(parsed_config(config_text("", both)).public_url, "http://127.0.0.1:9400");
  EXPECT_FALSE(
      parse_config(config_text("", both + "public_url = \"https://x.example\"\naddress = \"192.168.1.1\"\n"), "e.toml"));
  EXPECT_FALSE(parse_config(config_text("", "[server]\nunix_socket_beside_tcp = true\n"), "e.toml"));
}

}  // namespace
}  // namespace evergrant::test
