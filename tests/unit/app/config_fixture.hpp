// What the tests of the configuration share.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "app/config.hpp"

namespace evergrant::test {

// Six lines for a real provider, beside a KEK.
inline constexpr std::string_view small_config = R"([keys]
kek = { file = "/etc/evergrant/kek" }
[[registration]]
id = "qb"
provider = "quickbooks"
environment = "sandbox"
client_id = "client"
client_secret = { env = "EVERGRANT_TEST_SECRET" }
)";

inline Config parsed_config(std::string_view text) {
  auto config = parse_config(text, "/etc/evergrant/e.toml");
  EXPECT_TRUE(config) << config.error().message;
  return config ? std::move(*config) : Config{};
}

// Sets a variable of the environment for the length of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_{name} { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

}  // namespace evergrant::test
