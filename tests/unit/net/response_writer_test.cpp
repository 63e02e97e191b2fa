#include "net/response_writer.hpp"

#include <gmock/gmock.h>

namespace evergrant::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string written(const HttpResponse& response, Framing framing = {}) {
  framing.date = "Thu, 01 Jan 1970 00:00:00 GMT";
  std::string out;
  write_response(response, framing, out);
  return out;
}

TEST(ResponseWriter, a_response_is_written_whole) {
  HttpResponse response;
  response.headers.add("Content-Type", "text/plain");
  response.body = "hi";
  EXPECT_EQ(written(response),
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n"
            "X-Content-Type-Options: nosniff\r\n\r\nhi");
}

TEST(ResponseWriter, framing_headers_of_a_handler_are_left_out) {
  HttpResponse response;
  for (const std::string name : {"content-length", "Transfer-Encoding", "Connection", "Keep-Alive", "Date"})
    response.headers.add(name, "evil");
  EXPECT_THAT(written(response), Not(HasSubstr("evil")));
}

TEST(ResponseWriter, a_handlers_own_content_type_options_are_not_doubled) {
  HttpResponse response;
  response.headers.add("x-content-type-options", "nosniff");
  EXPECT_THAT(written(response), Not(HasSubstr("X-Content-Type-Options")));
}

TEST(ResponseWriter, a_status_without_a_body_gets_none) {
  for (const int status : {204, 304}) {
    HttpResponse response;
    response.status = status;
    response.body = "body";
    EXPECT_THAT(written(response), Not(HasSubstr("body")));
    EXPECT_THAT(written(response), Not(HasSubstr("Content-Length")));
  }
}

TEST(ResponseWriter, what_would_break_the_framing_cannot_be_sent) {
  struct Case {
    int status;
    std::string name, value;
    bool sendable;
  };
  const std::vector<Case> table{
      {200, "X-A", "plain", true},
      {200, "X-A", "tab\tand \xc3\xa4", true},
      {200, "X-A", "", true},
      {200, "X-A", "a\r\nB: c", false},
      {200, "X-A", "a\nb", false},
      {200, "X-A", "a\rb", false},
      {200, "X-A", std::string{'\0'}, false},
      {200, "X-A", "\x7f", false},
      {200, "X A", "b", false},
      {200, "X-A:", "b", false},
      {200, "", "b", false},
      {200, "X\r\n", "b", false},
      {199, "X-A", "b", false},
      {100, "X-A", "b", false},
      {0, "X-A", "b", false},
      {600, "X-A", "b", false},
      {599, "X-A", "b", true},
  };
  for (const auto& [status, name, value, sendable] : table) {
    HttpResponse response;
    response.status = status;
    response.headers.add(name, value);
    EXPECT_EQ(is_sendable(response), sendable) << status << " " << name << ": " << value;
  }
}

TEST(ResponseWriter, dates_are_imf_fixdates) {
  EXPECT_EQ(http_date(from_epoch_ms(784111777999)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(from_epoch_ms(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(from_http_date(http_date(from_epoch_ms(1763895845000))), from_epoch_ms(1763895845000));
}

}  // namespace
}  // namespace evergrant::test
