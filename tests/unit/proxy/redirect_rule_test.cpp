#include "proxy/redirect_rule.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

ProxyTarget folder_target() {
  ProxyTarget at;
  at.at = {.tls = true, .host = "api.files.example", .port = 443, .authority = "api.files.example", .path = "/2.0"};
  at.path = "/2.0/folders/1";
  at.target = "/2.0/folders/1?x=1";
  return at;
}

struct LocationRow {
  std::string_view location;
  std::string_view rewritten;  // "name: value"; empty: left out
};

TEST(RedirectRuleTest, a_location_is_followed_behind_the_proxy_or_not_at_all) {
  for (const auto& [location, rewritten] : std::initializer_list<LocationRow>{
           {"/2.0/folders/2?a=b", "Location: /p/folders/2?a=b"},
           {"https://api.files.example/2.0/folders/2", "Location: /p/folders/2"},
           {"https://API.files.example:443/2.0/folders/2", "Location: /p/folders/2"},
           {"//api.files.example/2.0/x", "Location: /p/x"},
           {"2", "Location: /p/folders/2"},
           {"/2.0/folders/2#part", "Location: /p/folders/2"},
           {"/2.0", "Location: /p"},
           {"/3.0/folders/2", "Evergrant-Location: https://api.files.example/3.0/folders/2"},
           {"/2.01/x", "Evergrant-Location: https://api.files.example/2.01/x"},
           {"https://evil.example/2.0/x", "Evergrant-Location: https://evil.example/2.0/x"},
           {"//evil.example/2.0/x", "Evergrant-Location: https://evil.example/2.0/x"},
           {"http://api.files.example/2.0/x", "Evergrant-Location: http://api.files.example/2.0/x"},
           {"https://api.files.example:8443/2.0/x", "Evergrant-Location: https://api.files.example:8443/2.0/x"},
           {"https://api.files.example@evil.example/2.0/x",
            "Evergrant-Location: https://api.files.example@evil.example/2.0/x"},
           {"/2.0/%2e%2e/%2e%2e/x", "Evergrant-Location: https://api.files.example/../x"},
           {"http://[::1", ""},
           {"/a b", ""},
           {"/a\r\nX: y", ""},
       }) {
    const auto result = rewrite_location(location, folder_target(), "/p", true);
    EXPECT_EQ(result.name.empty() ? "" : result.name + ": " + result.value, rewritten) << location;
  }
}

TEST(RedirectRuleTest, the_next_call_would_go_to_another_host_than_one_that_the_caller_had_named) {
  EXPECT_EQ(rewrite_location("/2.0/x", folder_target(), "/p", false).name, "Evergrant-Location");
}

}  // namespace
}  // namespace evergrant
