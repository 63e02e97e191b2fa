#include "api/pages.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

std::string header(const Reply& reply, std::string_view name) {
  for (const auto& [field, value] : reply.headers) {
    if (field == name) return value;
  }
  return {};
}

TEST(Pages, nothing_from_outside_becomes_markup) {
  const auto reply = page(200, false, "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</p><b>&'");
  EXPECT_FALSE(reply.body.contains("<script>"));
  EXPECT_FALSE(reply.body.contains("<img"));
  EXPECT_FALSE(reply.body.contains("<b>"));
  EXPECT_TRUE(reply.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_EQ(front_page_of("http://a\"<b>").body.find("<b>"), std::string::npos);
}

TEST(Pages, load_nothing_and_run_nothing) {
  for (const auto& reply : {page(200, true, "a", "b"), front_page_of("http://127.0.0.1:8000")}) {
    EXPECT_EQ(reply.content_type, "text/html; charset=utf-8");
    const auto policy = header(reply, "Content-Security-Policy");
    EXPECT_TRUE(policy.starts_with("default-src 'none'; style-src 'sha256-")) << policy;
    EXPECT_TRUE(policy.contains("frame-ancestors 'none'"));
    EXPECT_EQ(header(reply, "Referrer-Policy"), "no-referrer");
    for (const auto* word : {"<script", "src=", "<link", "@import", "url("}) EXPECT_FALSE(reply.body.contains(word)) << word;
  }
}

TEST(Pages, the_sign_follows_the_outcome) {
  EXPECT_TRUE(page(200, true, "a", "b").body.contains("sign good"));
  EXPECT_TRUE(page(410, false, "a", "b").body.contains("sign bad"));
  EXPECT_EQ(page(410, false, "a", "b").status, 410);
}

TEST(Pages, a_redirect_is_a_303_that_tells_nobody_where_it_came_from) {
  const auto reply = redirect("https://app.example/?a=b");
  EXPECT_EQ(reply.status, 303);
  EXPECT_EQ(header(reply, "Location"), "https://app.example/?a=b");
  EXPECT_EQ(header(reply, "Referrer-Policy"), "no-referrer");
  EXPECT_TRUE(reply.body.empty());
}

}  // namespace
}  // namespace evergrant
