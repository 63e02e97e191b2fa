#include "base/log.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <type_traits>

namespace evergrant {
namespace {

static_assert(!std::is_constructible_v<LogField, std::string_view, Secret>, "a secret cannot become a field");
static_assert(!std::is_constructible_v<LogField, std::string_view, const Secret&>);

std::string line_of(Log::Fields fields) {
  std::string lines;
  Log::into(lines)->warning("something_happened", fields);
  return lines;
}

TEST(Log, a_line_is_one_json_object) {
  const auto line = line_of({{"text", "a"}, {"count", 7}, {"share", 0.5}, {"good", true}});
  EXPECT_TRUE(line.starts_with(R"({"time":"20)")) << line;
  EXPECT_TRUE(
      line.ends_with(R"("level":"warning","event":"something_happened","text":"a","count":7,"share":0.5,"good":true})"
                     "\n"))
      << line;
}

TEST(Log, text_from_outside_makes_no_second_line_and_no_second_field) {
  const auto line = line_of({{"name", "a\n{\"level\":\"error\"}\x1B[2J\"\\"}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_TRUE(line.contains(R"("name":"a{\"level\":\"error\"}[2J\"\\"})")) << line;
}

TEST(Log, long_text_is_cut_and_broken_text_mended) {
  const auto line = line_of({{"name", std::string(5000, 'x')}, {"other", "\xFF"}});
  EXPECT_LT(line.size(), 1200U);
  EXPECT_TRUE(line.contains(R"("other":"?")"));
}

TEST(Log, numbers_that_json_has_not_are_null) {
  EXPECT_TRUE(line_of({{"rate", std::numeric_limits<double>::infinity()}}).contains(R"("rate":null)"));
}

TEST(Log, the_terminals_form_quotes_what_would_be_two_words) {
  testing::internal::CaptureStderr();
  {
    const Log log{LogFormat::text};
    log.info("began", {{"what", "two words"}, {"id", "con_1"}, {"empty", ""}});
    log.debug("unseen");
  }
  const auto text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(text.contains(R"(began  what="two words"  id=con_1  empty="")")) << text;
  EXPECT_FALSE(text.contains("unseen")) << "debug is below the usual level";
}

}  // namespace
}  // namespace evergrant
