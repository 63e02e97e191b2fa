#include "net/quick_request.hpp"

#include <gtest/gtest.h>

#include <string>

#include "net/request_parser.hpp"

namespace evergrant::test {
namespace {

const std::string plain = "GET /v1/a?b=c HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k \r\nAccept: */*\r\n\r\n";

TEST(QuickRequest, a_plain_request_is_read_with_what_stands_behind_it_left_alone) {
  const std::string two = plain + "GET / HTTP/1.1\r\n";
  const auto request = read_quick_request(two);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->path, "/v1/a");
  EXPECT_EQ(request->query, "b=c");
  EXPECT_EQ(request->authorization, "Bearer k");
  EXPECT_EQ(request->size, plain.size());
}

TEST(QuickRequest, one_that_has_not_come_whole_is_left_to_the_parser) {
  for (std::size_t size = 0; size < plain.size(); ++size) EXPECT_FALSE(read_quick_request(plain.substr(0, size))) << size;
}

TEST(QuickRequest, whatever_needs_judgement_is_left_to_the_parser) {
  const std::string line = "GET / HTTP/1.1\r\n";
  const std::string host = "Host: x\r\n";
  for (const std::string& raw : {"POST / HTTP/1.1\r\n" + host,
                                 "HEAD / HTTP/1.1\r\n" + host,
                                 "get / HTTP/1.1\r\n" + host,
                                 "GET / HTTP/1.0\r\n" + host,
                                 "GET  / HTTP/1.1\r\n" + host,
                                 "GET http://x/ HTTP/1.1\r\n" + host,
                                 "GET /a#b HTTP/1.1\r\n" + host,
                                 "GET /\\a HTTP/1.1\r\n" + host,
                                 "GET /\x80 HTTP/1.1\r\n" + host,
                                 "\r\n" + line + host,
                                 line,  // no host
                                 line + host + host,
                                 line + host + "Content-Length: 0\r\n",
                                 line + host + "Transfer-Encoding: chunked\r\n",
                                 line + host + "Expect: 100-continue\r\n",
                                 line + host + "Upgrade: h2c\r\n",
                                 line + host + "Connection: close\r\n",
                                 line + host + "Connection: keep-alive, te\r\n",
                                 line + host + "X-Forwarded-For: 1.2.3.4\r\n",
                                 line + host + "forwarded: for=1.2.3.4\r\n",
                                 line + host + "Authorization:\r\n",
                                 line + host + "Authorization: a\r\nAuthorization: b\r\n",
                                 line + host + " folded: 1\r\n",
                                 line + host + "A : 1\r\n",
                                 line + host + "A\r\n",
                                 line + host + ": 1\r\n",
                                 line + host + "A: \x01\r\n",
                                 line + host + "A: \x7f\r\n",
                                 line + host + "A: \xff\r\n",
                                 line + host + "A: 1\n",
                                 line + "Host:\nX: y\r\n",
                                 line + host + "A:\n\r\n",
                                 line + host + "A: 1\v\r\n",
                                 line + host + "A: 1\r2\r\n",
                                 line + host + "Ü: 1\r\n",
                                 line + host + "A: " + std::string(5000, 'a') + "\r\n"}) {
    EXPECT_FALSE(read_quick_request(raw + "\r\n")) << raw;
  }
}

TEST(QuickRequest, the_connection_may_be_said_to_stay) {
  EXPECT_TRUE(read_quick_request("GET / HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive\r\nUser-Agent: a b\r\n\r\n"));
}

TEST(QuickRequest, reads_what_the_parser_reads) {
  for (const std::string& raw : {plain, std::string{"GET / HTTP/1.1\r\nhost:x\r\n\r\n"},
                                 std::string{"GET /?? HTTP/1.1\r\nHost: \r\nX_y-1:  a  \r\n\r\n"},
                                 std::string{"GET /a?b HTTP/1.1\r\nHOST: x\r\nAUTHORIZATION:\tBasic e\r\n\r\n"}}) {
    RequestParser parser{16384, 0};
    const auto taken = parser.feed(raw);
    ASSERT_EQ(parser.state(), RequestParser::State::complete) << raw;
    EXPECT_TRUE(parser.keep_alive());
    const HttpRequest slow = parser.take();
    const auto quick = read_quick_request(raw);
    if (!quick) continue;  // a tab: the parser's business
    EXPECT_EQ(quick->size, taken);
    EXPECT_EQ(quick->path, slow.path);
    EXPECT_EQ(quick->query, slow.query);
    EXPECT_EQ(quick->authorization, slow.headers.find("Authorization").value_or(""));
  }
}

}  // namespace
}  // namespace evergrant::test
