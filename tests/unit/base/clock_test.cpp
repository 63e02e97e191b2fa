#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

constexpr std::int64_t november = 1'795'446'245'678;  // 2026-11-23T15:04:05.678Z

TEST(Rfc3339, is_written_in_utc_with_milliseconds) {
  EXPECT_EQ(to_rfc3339(from_epoch_ms(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(from_epoch_ms(november)), "2026-11-23T15:04:05.678Z");
  EXPECT_EQ(to_rfc3339(from_epoch_ms(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(Rfc3339, is_read_with_any_offset_and_any_fraction) {
  for (const auto* text :
       {"2026-11-23T15:04:05.678Z", "2026-11-23t15:04:05.678z", "2026-11-23 15:04:05.678Z", "2026-11-23T16:04:05.678+01:00",
        "2026-11-23T09:34:05.678-05:30", "2026-11-23T15:04:05.6789999Z"}) {
    const auto time = from_rfc3339(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(to_epoch_ms(*time), november) << text;
  }
  EXPECT_EQ(to_epoch_ms(from_rfc3339("2026-11-23T15:04:05Z").value()), november - 678);
  EXPECT_EQ(to_epoch_ms(from_rfc3339("2026-11-23T15:04:05.6Z").value()), november - 78);
  EXPECT_TRUE(from_rfc3339("2024-02-29T00:00:00Z"));
}

TEST(Rfc3339, what_is_no_time_is_refused) {
  for (const auto* text : {"",
                           "2026",
                           "2026-11-23",
                           "2026-11-23T15:04:05",
                           "2026-11-23T15:04Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-11-31T00:00:00Z",
                           "2026-11-23T24:00:00Z",
                           "2026-11-23T15:60:00Z",
                           "2026-11-23T15:04:61Z",
                           "2026-11-23T15:04:05.Z",
                           "2026-11-23T15:04:05+1:00",
                           "2026-11-23T15:04:05+24:00",
                           "2026-11-23T15:04:05Zx",
                           " 2026-11-23T15:04:05Z",
                           "2026-11-23X15:04:05Z",
                           "+026-11-23T15:04:05Z",
                           "2026-1-23T15:04:05Z"}) {
    EXPECT_FALSE(from_rfc3339(text)) << text;
  }
}

TEST(Rfc3339, what_is_written_is_read_back) {
  for (std::int64_t ms = -5'000'000'000'000; ms < 200'000'000'000'000; ms += 987'654'321'987) {
    EXPECT_EQ(from_rfc3339(to_rfc3339(from_epoch_ms(ms))), from_epoch_ms(ms)) << ms;
  }
}

TEST(HttpDate, reads_the_preferred_form_only) {
  EXPECT_EQ(to_epoch_ms(from_http_date("Sun, 06 Nov 1994 08:49:37 GMT").value()), 784'111'777'000);
  for (const auto* text :
       {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37", "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08-49-37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT "}) {
    EXPECT_FALSE(from_http_date(text)) << text;
  }
}

TEST(SystemClock, agrees_with_the_machine) {
  const auto before = std::chrono::system_clock::now();
  const auto now = SystemClock{}.now();
  EXPECT_GE(now, std::chrono::floor<Duration>(before));
  EXPECT_LE(now, std::chrono::system_clock::now());
}

}  // namespace
}  // namespace evergrant
