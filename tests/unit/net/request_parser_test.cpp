#include "net/request_parser.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace evergrant::test {
namespace {

using State = RequestParser::State;
using std::string_literals::operator""s;

constexpr std::size_t header_limit = 1000;
constexpr std::size_t body_limit = 100;

struct Outcome {
  State state = State::header;
  int status = 0;
  std::size_t taken = 0;
  HttpRequest request;
};

// Offers the bytes as a socket would: `step` more at a time, what was not taken again.
Outcome parse(std::string_view raw, std::size_t step) {
  RequestParser parser{header_limit, body_limit};
  std::size_t begin = 0;
  for (std::size_t end = std::min(step, raw.size());; end = std::min(end + step, raw.size())) {
    begin += parser.feed(raw.substr(begin, end - begin));
    const bool over = parser.state() == State::complete || parser.state() == State::refused || end == raw.size();
    if (!over) continue;
    Outcome outcome{parser.state(), 0, begin, {}};
    if (parser.state() == State::refused) outcome.status = parser.refusal().status;
    if (parser.state() == State::complete) outcome.request = parser.take();
    return outcome;
  }
}

struct Malformed {
  std::string name;
  std::string raw;
  int status;
};

const std::string host = "Host: x\r\n";

std::vector<Malformed> malformed_requests() {
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::string post = "POST / HTTP/1.1\r\n" + host;
  return {
      {"both lengths", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"both lengths, the other way round", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
      {"two different lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {"two equal lengths", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {"a list of lengths", post + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {"a signed length", post + "Content-Length: +3\r\n\r\nabc", 400},
      {"a negative length", post + "Content-Length: -3\r\n\r\nabc", 400},
      {"a hexadecimal length", post + "Content-Length: 0x3\r\n\r\nabc", 400},
      {"an empty length", post + "Content-Length:\r\n\r\n", 400},
      {"a length beyond 64 bits", post + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
      {"a length over the limit", post + "Content-Length: 101\r\n\r\n", 413},
      {"chunks over the limit", post + "Transfer-Encoding: chunked\r\n\r\n65\r\n", 413},
      {"a chunk size beyond 64 bits", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
      {"a chunk size that is no number", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"a quote in a chunk extension that its line does not end",
       post + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n5;x=\"c\r\nhello\r\n0\r\n\r\n", 400},
      {"a quote that is ended only by an escape", post + "Transfer-Encoding: chunked\r\n\r\n1;x=\"c\\\"\r\na\r\n0\r\n\r\n",
       400},
      {"a line feed in a chunk extension", post + "Transfer-Encoding: chunked\r\n\r\n1;x=\"\n\"\r\na\r\n0\r\n\r\n", 400},
      {"an open quote in the last chunk's extension", post + "Transfer-Encoding: chunked\r\n\r\n0;x=\"\r\n\r\n", 400},
      {"a chunk longer than it says", post + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", 400},
      {"a chunk line without CR", post + "Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n" + std::string(1100, 'x'), 431},
      {"an endless chunk extension", post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(1100, 'x'), 431},
      {"an unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n", 400},
      {"a coding under chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 400},
      {"chunked twice", post + "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
      {"chunked in two headers", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"chunked in disguise", post + "Transfer-Encoding: xchunked\r\n\r\n", 400},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"a folded header", get + host + "X-A: b\r\n c\r\n\r\n", 400},
      {"a folded header with a tab", get + host + "X-A: b\r\n\tc\r\n\r\n", 400},
      {"a space before the first header", get + " Host: x\r\n\r\n", 400},
      {"bare LF everywhere", "GET / HTTP/1.1\nHost: x\n\n", 400},
      {"bare LF after the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400},
      {"bare LF after a header", get + "Host: x\n\r\n", 400},
      {"a bare CR in a header", get + host + "X-A: b\rX-B: c\r\n\r\n", 400},
      {"a NUL in a header", get + host + std::string{"X-A: b\0c\r\n\r\n", 12}, 400},
      {"a NUL in the target", std::string{"GET /\0 HTTP/1.1\r\n", 17} + host + "\r\n", 400},
      {"a control character in a value", get + host + "X-A: b\x01\r\n\r\n", 400},
      {"DEL in a value", get + host + "X-A: b\x7f\r\n\r\n", 400},
      {"a space before the colon", get + "Host : x\r\n\r\n", 400},
      {"a header without a colon", get + host + "nonsense\r\n\r\n", 400},
      {"a header without a name", get + host + ": x\r\n\r\n", 400},
      {"a name with a bracket", get + host + "X(A): x\r\n\r\n", 400},
      {"no host", get + "\r\n", 400},
      {"two hosts", get + host + host + "\r\n", 400},
      {"an absolute target", "GET http://x/ HTTP/1.1\r\n" + host + "\r\n", 400},
      {"an asterisk target", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 400},
      {"an authority target", "GET x:80 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a target beyond ASCII", "GET /\xc3\xa4 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a fragment in the target", "GET /#a HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a backslash in the target", "GET /\\a HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a space in the target", "GET /a b HTTP/1.1\r\n" + host + "\r\n", 400},
      {"no target", "GET HTTP/1.1\r\n" + host + "\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a tab between", "GET\t/\tHTTP/1.1\r\n" + host + "\r\n", 400},
      {"an empty version", "GET / \r\n\r\n", 400},
      {"a version cut short", "GET / HTT\r\n\r\n", 400},
      {"a version cut short, and a request", "GET / H\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"HTTP/2.0", "GET / HTTP/2.0\r\n" + host + "\r\n", 400},
      {"HTTP/0.9", "GET /\r\n\r\n", 400},
      {"HTTP/1.2", "GET / HTTP/1.2\r\n" + host + "\r\n", 400},
      {"a lower-case protocol", "GET / http/1.1\r\n" + host + "\r\n", 400},
      {"the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"a TLS hello", std::string{"\x16\x03\x01\x02\0\x01\0", 7}, 400},
      {"TRACE", "TRACE / HTTP/1.1\r\n" + host + "\r\n", 405},
      {"CONNECT", "CONNECT x:443 HTTP/1.1\r\n" + host + "\r\n", 405},
      {"an unknown expectation", get + host + "Expect: the-moon\r\n\r\n", 417},
      {"a long header", get + host + "X-A: " + std::string(header_limit, 'a') + "\r\n\r\n", 431},
      {"a header without an end", get + host + "X-A: " + std::string(2 * header_limit, 'a'), 431},
      {"many small headers",
       get + host +
           [] {
             std::string many;
             for (int i = 0; i < 200; ++i) many += "A: b\r\n";
             return many;
           }() +
           "\r\n",
       431},
      {"a long target", "GET /" + std::string(header_limit, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 431},
  };
}

TEST(RequestParser, a_malformed_request_is_refused_however_its_bytes_arrive) {
  for (const auto& bad : malformed_requests()) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, bad.raw.size()}) {
      const auto outcome = parse(bad.raw, step);
      EXPECT_EQ(outcome.state, State::refused) << bad.name << ", " << step << " bytes at a time";
      EXPECT_EQ(outcome.status, bad.status) << bad.name << ", " << step << " bytes at a time";
    }
  }
}

TEST(RequestParser, a_good_request_is_the_same_however_its_bytes_arrive) {
  struct Good {
    std::string raw, method, path, query, body;
  };
  const std::vector<Good> table{
      {"GET / HTTP/1.1\r\n" + host + "\r\n", "GET", "/", "", ""},
      {"\r\n\r\nGET /a?b=c?d HTTP/1.1\r\n" + host + "\r\n", "GET", "/a", "b=c?d", ""},
      {"GET / HTTP/1.0\r\n\r\n", "GET", "/", "", ""},
      {"PURGE //a/../%2e%00 HTTP/1.1\r\n" + host + "\r\n", "PURGE", "//a/../%2e%00", "", ""},
      {"POST /p HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\na\0\r\n\x80"s, "POST", "/p", "", "a\0\r\n\x80"s},
      {"POST /p HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", "POST", "/p", "", ""},
      {"POST /p HTTP/1.1\r\n" + host +
           "Transfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\nA;x=\"y\"\r\n0123456789\r\n000\r\nT: u\r\n\r\n",
       "POST", "/p", "", "a0123456789"},
      {"POST /p HTTP/1.1\r\n" + host +
           "Transfer-Encoding: chunked\r\n\r\n3;x=\"\\\"\"\r\n\"a\"\r\n1\r\n\"\r\n0\r\nT: 5\" u\r\n\r\n",
       "POST", "/p", "", "\"a\"\""},
      {"POST /p HTTP/1.1\r\n" + host + "Content-Length: 100\r\n\r\n" + std::string(100, 'b'), "POST", "/p", "",
       std::string(100, 'b')},
      {"GET / HTTP/1.1\r\n" + host + "X-Long: " + std::string(900, 'a') + "\r\n\r\n", "GET", "/", "", ""},
      {"GET / HTTP/1.1\r\n" + host + "X-Text: \xc3\xa4\t.\r\n\r\n", "GET", "/", "", ""},
  };
  for (const auto& good : table) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, good.raw.size()}) {
      const auto outcome = parse(good.raw, step);
      ASSERT_EQ(outcome.state, State::complete) << good.raw << ", " << step << " bytes at a time";
      EXPECT_EQ(outcome.taken, good.raw.size());
      EXPECT_EQ(outcome.request.method, good.method);
      EXPECT_EQ(outcome.request.path, good.path);
      EXPECT_EQ(outcome.request.query, good.query);
      EXPECT_EQ(outcome.request.body, good.body);
    }
  }
}

// Beast 1.81 asserts that a last chunk, once it has begun, has five bytes (found by fuzzing).
TEST(RequestParser, a_last_chunk_may_come_in_pieces) {
  const std::string head = "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n";
  struct Case {
    std::string chunks, body;
  };
  const std::vector<Case> table{
      {"0\r\n\r\n", ""},         {"0000\r\n\r\n", ""},         {"0;a\r\n\r\n", ""},
      {"0\r\nT: u\r\n\r\n", ""}, {"1\r\n0\r\n0\r\n\r\n", "0"}, {"05\r\n00000\r\n0\r\nT: u\r\n\r\n", "00000"}};
  for (const auto& [chunks, body] : table) {
    const std::string raw = head + chunks;
    for (std::size_t step = 1; step < 7; ++step) {
      const auto outcome = parse(raw, step);
      ASSERT_EQ(outcome.state, State::complete) << chunks << ", " << step << " bytes at a time";
      EXPECT_EQ(outcome.request.body, body) << chunks;
      EXPECT_EQ(outcome.taken, raw.size()) << chunks;
    }
    for (std::size_t cut = head.size(); cut < raw.size(); ++cut) {
      RequestParser parser{header_limit, body_limit};
      std::size_t taken = parser.feed(raw.substr(0, cut));
      taken += parser.feed(raw.substr(taken, cut - taken));  // the same again, as after a spurious wake-up
      taken += parser.feed(raw.substr(taken) + "GET");
      EXPECT_EQ(parser.state(), State::complete) << chunks << ", cut after " << cut - head.size();
      EXPECT_EQ(taken, raw.size()) << chunks;
      EXPECT_EQ(parser.take().body, body) << chunks;
    }
  }
}

TEST(RequestParser, nothing_of_the_next_request_is_taken) {
  const std::string one = "POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc";
  RequestParser parser{header_limit, body_limit};
  EXPECT_EQ(parser.feed(one + one), one.size());
  EXPECT_EQ(parser.take().body, "abc");
  EXPECT_EQ(parser.feed(one), one.size());
  EXPECT_EQ(parser.state(), State::complete);
}

TEST(RequestParser, a_trailer_adds_no_header) {
  const auto outcome =
      parse("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: evil\r\n\r\n", 1000);
  ASSERT_EQ(outcome.state, State::complete);
  EXPECT_FALSE(outcome.request.headers.find("Authorization"));
}

TEST(RequestParser, an_unfinished_request_is_neither_complete_nor_refused) {
  const std::string whole = "POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc";
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const auto state = parse(std::string_view{whole}.substr(0, cut), 1000).state;
    EXPECT_TRUE(state == State::header || state == State::body) << cut;
  }
}

TEST(RequestParser, keep_alive_follows_version_and_connection) {
  struct Case {
    std::string raw;
    bool keep;
  };
  const std::vector<Case> table{{"GET / HTTP/1.1\r\n" + host + "\r\n", true},
                                {"GET / HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", false},
                                {"GET / HTTP/1.1\r\n" + host + "Connection: x, Close\r\n\r\n", false},
                                {"GET / HTTP/1.0\r\n\r\n", false},
                                {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true}};
  for (const auto& [raw, keep] : table) {
    RequestParser parser{header_limit, body_limit};
    parser.feed(raw);
    ASSERT_EQ(parser.state(), State::complete) << raw;
    EXPECT_EQ(parser.keep_alive(), keep) << raw;
  }
}

}  // namespace
}  // namespace evergrant::test
