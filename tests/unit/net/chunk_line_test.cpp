// What of a chunk's first line is for Boost.Beast to read, and what is not.
#include "net/chunk_line.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace evergrant::test {
namespace {

using namespace std::string_literals;

TEST(ChunkLine, is_judged_before_it_is_read) {
  struct Case {
    std::string bytes;
    ChunkLine expected;
  };
  const std::vector<Case> table{
      {"", ChunkLine::good},
      {"5\r\nhello", ChunkLine::good},
      {"\r\n5\r\nhello", ChunkLine::good},
      {"5;a=b; c=\"d;\te\xc3\xa4\"\r\n", ChunkLine::good},
      {"5;a=\"\\\"\"\r\n\"", ChunkLine::good},
      {"5;a=\"\\\\\"\r\n\"", ChunkLine::good},
      {"5\r\n\"\n\x01", ChunkLine::good},
      {"0\r\nT: 5\" \x01", ChunkLine::good},
      {"5;a=\"b", ChunkLine::good},  // its end may come
      {"5;a=\"b\r", ChunkLine::good},
      {"zz\r\n", ChunkLine::good},  // Beast's to refuse

      {"0", ChunkLine::waits},
      {"0\r\n\r", ChunkLine::waits},
      {"0\r\n\r\n", ChunkLine::good},
      {"05\r\n", ChunkLine::waits},

      {"5;a=\"b\r\n", ChunkLine::refused},
      {"\r\n5;a=\"b\r\nc\"\r\n", ChunkLine::refused},
      {"5;a=\"b\\\"\r\n", ChunkLine::refused},
      {"5;a=\"b\\\r\n\"\r\n", ChunkLine::refused},
      {"0;a=\"\r\n\r\n", ChunkLine::refused},
      {"5;a=\"\n\"\r\nhello", ChunkLine::refused},
      {"5;a=\"\r\"\r\nhello", ChunkLine::refused},
      {"5;a=\"\0\"\r\n"s, ChunkLine::refused},
      {"5;a=\x7f\r\n", ChunkLine::refused},
      {"5\nhello\r\n", ChunkLine::refused},
  };
  for (const auto& [bytes, expected] : table)
    EXPECT_EQ(judge_chunk_line(bytes), expected) << ::testing::PrintToString(bytes);
}

}  // namespace
}  // namespace evergrant::test
