#include "access/path_pattern.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

bool allows(const std::string& pattern, const std::string& path) {
  const auto parsed = PathPattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern;
  const auto segments = plain_segments(path);
  return parsed && segments && parsed->allows(*segments);
}

struct PathRow {
  std::string pattern, path;
  bool allowed;
};

TEST(PathPattern, allows_a_path_and_what_is_below_it_segment_by_segment) {
  const std::vector<PathRow> rows{
      {"/", "/", true},
      {"/", "/anything/at/all", true},
      {"/v3/company", "/v3/company", true},
      {"/v3/company/", "/v3/company", true},
      {"/v3/company", "/v3/company/", true},
      {"/v3/company", "/v3/company/1/invoice", true},
      {"/v3/company", "/v3/companyinfo", false},
      {"/v3/company", "/v3", false},
      {"/v3/company", "/", false},
      {"/v3/company", "/V3/company", false},
      {"/v3/company", "/x/v3/company", false},
      {"/v3/company/*/invoice", "/v3/company/1/invoice", true},
      {"/v3/company/*/invoice", "/v3/company/1/invoice/7", true},
      {"/v3/company/*/invoice", "/v3/company/1/2/invoice", false},
      {"/v3/company/*/invoice", "/v3/company/invoice", false},
      {"/v3/company/*/invoice", "/v3/company/1/payment", false},
      {"/v3/company/*/invoice", "/v3/company/1/invoices", false},
      {"/*", "/a", true},
      {"/*", "/", false},
      {"/a%20b", "/a%20b/c", true},
      {"/caf%C3%A9", "/caf%c3%a9", true},
      {"/in%76oice", "/invoice", true},
      {"/invoice", "/in%76oice", true},
      {"/star/%2A", "/star/*", true},
      {"/star/%2A", "/star/x", false},
  };
  for (const auto& row : rows) EXPECT_EQ(allows(row.pattern, row.path), row.allowed) << row.pattern << " " << row.path;
}

TEST(PathPattern, a_path_that_can_be_read_in_two_ways_is_allowed_by_no_pattern) {
  const std::vector<std::string> paths{"",
                                       "x",
                                       "//",
                                       "/a//b",
                                       "//a",
                                       "/./a",
                                       "/a/..",
                                       "/a/../b",
                                       "/a/%2e%2e/b",
                                       "/a/%2E./b",
                                       "/a/..;/b",
                                       "/a/.;x=1/b",
                                       "/a%2fb",
                                       "/a%2Fb",
                                       "/a%5cb",
                                       "/a\\b",
                                       "/a%00",
                                       "/a%0d%0ab",
                                       "/a\nb",
                                       "/a%7f",
                                       "/a%",
                                       "/a%2",
                                       "/a%zz",
                                       "/a%252fb",
                                       "/%252e%252e/b",
                                       "/a?b",
                                       "/a#b",
                                       "/%c0%ae%c0%ae/b",
                                       "/%ed%a0%80",
                                       "/%ff",
                                       "/a\xff",
                                       "/%EF%BC%8E%EF%BC%8E/b",
                                       "/a%EF%BC%8Fb",
                                       "/a%EF%BC%BCb",
                                       "/a%E2%88%95b",
                                       "/a%E2%81%84b",
                                       "http://x/a",
                                       "*"};
  for (const auto& path : paths) {
    EXPECT_FALSE(plain_segments(path)) << path;
    EXPECT_FALSE(allows("/", path)) << path;
  }
}

TEST(PathPattern, patterns_that_cannot_be_meant_are_refused_with_what_to_write) {
  for (const std::string text :
       {"", "v3", "/v3/comp*", "/**", "/a//b", "/a?x=1", "/a#b", "/../a", "/a%2fb", "/a%252f", "/%"}) {
    const auto parsed = PathPattern::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::invalid_argument);
    EXPECT_TRUE(parsed.error().hint.contains("/v3/company/*/invoice"));
  }
}

TEST(PathPattern, one_covers_another_that_allows_no_more) {
  const std::vector<PathRow> rows{
      {"/", "/a/*", true},          {"/a", "/a", true},          {"/a", "/a/b", true},    {"/a/b", "/a", false},
      {"/a/*", "/a/b", true},       {"/a/*", "/a/*/c", true},    {"/a/b", "/a/*", false}, {"/a/*", "/a", false},
      {"/a/*/c", "/a/b/c/d", true}, {"/a/*/c", "/a/b/d", false}, {"/a", "/ab", false},    {"/a/%62", "/a/b", true},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(PathPattern::parse(row.pattern)->covers(*PathPattern::parse(row.path)), row.allowed)
        << row.pattern << " " << row.path;
  }
}

}  // namespace
}  // namespace evergrant
