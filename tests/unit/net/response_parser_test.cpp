// Answers as a parser sees them, without a connection: upstream_test.cpp has their forms.
#include "net/response_parser.hpp"

#include <gtest/gtest.h>

#include <string>

namespace evergrant::test {
namespace {

// Not only when the connection ends or the deadline passes.
TEST(ResponseParser, a_chunk_that_cannot_become_sound_is_refused_at_once) {
  for (const std::string line : {"2;x=\"\r\n", "2;x=\"\n\"\r\n", "zz\r\n"}) {
    ResponseParser parser{1024};
    parser.expect(false);
    const std::string raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + line;
    const std::size_t head = parser.feed_header(raw);
    ASSERT_EQ(parser.state(), ResponseParser::State::body);
    EXPECT_EQ(parser.feed_piece(std::string_view{raw}.substr(head)).piece, "");
    EXPECT_EQ(parser.state(), ResponseParser::State::refused) << line;
  }
}

}  // namespace
}  // namespace evergrant::test
