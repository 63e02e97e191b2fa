#include "proxy/method_rule.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

TEST(MethodRuleTest, a_method_is_written_in_capitals) {
  for (const std::string_view method : {"GET", "PATCH", "M-SEARCH", "ABCDEFGHIJKLMNOPQRST"})
    EXPECT_TRUE(check_method(method));
  for (const std::string_view method : {"", "get", "G T", "G$T", "GET\r\nX: y", "ABCDEFGHIJKLMNOPQRSTU"}) {
    EXPECT_EQ(check_method(method).error().code, Errc::invalid_argument) << method;
  }
}

TEST(MethodRuleTest, a_query_that_names_another_method_is_seen_in_every_spelling) {
  for (const std::string_view query : {"_method=DELETE",       "_HttpMethod=PATCH",
                                       "a=b&_method=DELETE",   "a=b;_method=DELETE",
                                       "$httpMethod=DELETE",   "%24httpMethod=DELETE",
                                       "%5Fmethod=DELETE",     "_METHOD=delete",
                                       "+_method=DELETE",      "_method",
                                       "_method[]=DELETE",     "x-http-method-override=DELETE",
                                       "X-HTTP-Method=DELETE", "httpMethod=PUT",
                                       "&&_method=PUT",        ".method=PUT",
                                       "+.method=PUT",         "http.method=PUT",
                                       "http+method=PUT",      "http%20method=PUT",
                                       "_method%00x=PUT",      "_method%5Ba%5D=PUT",
                                       "http[method=PUT",      "http%5Bmethod=PUT"}) {
    EXPECT_TRUE(overrides_method(query)) << query;
  }
  for (const std::string_view query : {"", "method=card", "payment_method=card", "a=_method", "q=a%26_method%3DDELETE",
                                       "%zz=1", "%00_method=PUT", "pay.method=card", "a[_method]=PUT"}) {
    EXPECT_FALSE(overrides_method(query)) << query;
  }
}

}  // namespace
}  // namespace evergrant
