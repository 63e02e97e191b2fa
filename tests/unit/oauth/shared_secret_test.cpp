#include "oauth/shared_secret.hpp"

#include <gtest/gtest.h>

namespace evergrant::test {
namespace {

// JWT-06.
TEST(SharedSecret, short_regular_and_published_ones_are_weak) {
  const std::string good = "q7Zk2mVx9RtB4nLw8YcH3sJf6DgP1aUe";  // 32 bytes
  struct Row {
    std::string secret, algorithm;
    std::string weakness;  // a part of it; empty: none
  };
  for (const Row& row : {
           Row{good, "HS256", ""},
           Row{good.substr(1), "HS256", "31 bytes"},
           Row{good, "HS384", "short of 48"},
           Row{good + good, "HS512", ""},
           Row{good + good.substr(1), "HS512", "short of 64"},
           Row{std::string(40, 'a'), "HS256", "few different"},
           Row{"passwordpasswordpasswordpassword", "HS256", "few different"},
           Row{"passwordpasswordpasswordpassword1", "HS256", ""},
           Row{"a-string-secret-at-least-256-bits-long", "HS256", "published"},
           Row{"short", "RS256", ""},
       }) {
    const std::string found = weakness_of(Secret{row.secret}, row.algorithm);
    EXPECT_EQ(found.empty(), row.weakness.empty()) << row.secret << ' ' << row.algorithm;
    EXPECT_NE(found.find(row.weakness), std::string::npos) << found;
    EXPECT_EQ(found.find(row.secret), std::string::npos);
  }
}

}  // namespace
}  // namespace evergrant::test
