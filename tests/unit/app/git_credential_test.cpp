#include "app/git_credential.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

TEST(GitCredential, a_question_is_read_up_to_its_empty_line) {
  const auto question =
      read_git_question("protocol=https\nhost=GitLab.com:443\nfuture[]=a=b\nusername=me\npassword=a=b\n\nhost=evil\n");
  ASSERT_TRUE(question);
  EXPECT_EQ(question->protocol, "https");
  EXPECT_EQ(question->host, "gitlab.com");
  EXPECT_EQ(question->username, "me");
  EXPECT_EQ(question->password.reveal(), "a=b");
}

TEST(GitCredential, what_is_no_question_is_refused) {
  for (const char* text : {"", "\n", "protocol=https\n\n", "nonsense\n\n", "host\n\n"}) {
    const auto question = read_git_question(text);
    ASSERT_FALSE(question) << text;
    EXPECT_EQ(question.error().code, Errc::invalid_argument) << text;
  }
}

TEST(GitCredential, a_token_goes_over_https_or_stays_on_this_machine) {
  const auto asked = [](const char* protocol, const char* host) {
    GitQuestion question;
    question.protocol = protocol;
    question.host = host;
    return may_carry_token(question);
  };
  EXPECT_TRUE(asked("https", "gitlab.com"));
  EXPECT_TRUE(asked("http", "127.0.0.1:8080"));
  EXPECT_TRUE(asked("http", "localhost"));
  EXPECT_TRUE(asked("http", "[::1]:80"));
  EXPECT_FALSE(asked("http", "gitlab.com"));
  EXPECT_FALSE(asked("http", "127.0.0.1.example.com"));
  EXPECT_FALSE(asked("http", "localhost.example.com:80"));
  EXPECT_FALSE(asked("ftp", "gitlab.com"));
  EXPECT_FALSE(asked("", "gitlab.com"));
}

TEST(GitCredential, hosts_are_compared_whole) {
  struct Row {
    const char* host;
    bool allowed;
  };
  const std::vector<std::string> hosts{"gitlab.com", "*.example.com", "127.0.0.1:8080"};
  for (const auto& [host, allowed] : {Row{"gitlab.com", true},
                                      {"GITLAB.com:443", true},
                                      {"gitlab.com:8443", false},
                                      {"gitlab.com.evil.org", false},
                                      {"evilgitlab.com", false},
                                      {"a.gitlab.com", false},
                                      {"git.example.com", true},
                                      {"a.b.example.com", true},
                                      {"example.com", false},
                                      {".example.com", false},
                                      {"evilexample.com", false},
                                      {"git.example.com@evil.org", false},
                                      {"127.0.0.1:8080", true},
                                      {"127.0.0.1", false},
                                      {"", false}}) {
    EXPECT_EQ(is_among_hosts(host, hosts), allowed) << host;
  }
  EXPECT_FALSE(is_among_hosts("gitlab.com", {}));
}

TEST(GitCredential, a_map_of_hosts_is_read_strictly) {
  const auto map = read_host_map({"GitLab.com=con_1", "127.0.0.1:8080=con_2"});
  ASSERT_TRUE(map);
  EXPECT_EQ(map->at("gitlab.com"), "con_1");
  EXPECT_EQ(map->at("127.0.0.1:8080"), "con_2");
  for (const char* wrong : {"gitlab.com", "=con_1", "gitlab.com=", "https://gitlab.com=con_1"}) {
    EXPECT_FALSE(read_host_map({wrong})) << wrong;
  }
}

}  // namespace
}  // namespace evergrant
