// Plain requests that are answered as they come in: what becomes of their answers where the other end does not read on, or
// the server is asked to stop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "unit/net/server_fixture.hpp"

namespace evergrant::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class QuickAnswersTest : public ServerTest {
 protected:
  // More than the kernel takes for a connection whose other end does not read.
  static constexpr std::size_t beyond_buffers = 16U << 20U;

  [[nodiscard]] static std::string quick(char letter) { return get(std::string{"/quick?"} + letter); }
};

TEST_F(QuickAnswersTest, requests_of_one_segment_are_answered_in_their_order) {
  start();
  Wire wire = connect();
  wire.write(quick('a') + quick('b') + get("/slow") + quick('c'));
  EXPECT_EQ(body_of(wire.read_message()), "aaaaaaaaaa");
  EXPECT_EQ(body_of(wire.read_message()), "bbbbbbbbbb");
  EXPECT_THAT(body_of(wire.read_message()), StartsWith("GET /slow"));
  EXPECT_EQ(body_of(wire.read_message()), "cccccccccc");
  EXPECT_EQ(handler.quick_answers, 3);
}

TEST_F(QuickAnswersTest, who_reads_late_is_given_every_answer_whole_and_in_order) {
  handler.quick_size = beyond_buffers;
  start();
  Wire wire = connect();
  std::string all;
  for (char letter = 'a'; letter <= 'd'; ++letter) all += quick(letter);
  wire.write(all);
  ASSERT_TRUE(handler.entered.wait());
  for (char letter = 'a'; letter <= 'd'; ++letter) {
    const std::string answer = wire.read_message();
    ASSERT_THAT(answer.substr(0, 200), StartsWith("HTTP/1.1 200"));
    ASSERT_TRUE(body_of(answer) == std::string(handler.quick_size, letter)) << letter;
  }
  EXPECT_EQ(handler.requests, 0) << "all of them went the quick way";
}

TEST_F(QuickAnswersTest, a_stop_lets_the_answer_under_way_end_and_the_next_one_says_that_it_is_the_last) {
  handler.quick_size = beyond_buffers;
  start();
  Wire wire = connect();
  wire.write(quick('a') + quick('b') + quick('c'));
  ASSERT_TRUE(handler.entered.wait());
  auto stopping = std::async(std::launch::async, [&] { server->stop(std::chrono::hours{1}); });
  for (const std::uint16_t port = server->port();;) {  // until the listener is gone, the stop has not begun
    Wire probe = Wire::to_port(port);
    if (probe.read_all().empty()) break;
  }
  EXPECT_TRUE(body_of(wire.read_message()) == std::string(beyond_buffers, 'a'));
  const std::string last = wire.read_message();
  EXPECT_THAT(last.substr(0, 500), HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(body_of(last).substr(0, 100), StartsWith("GET /quick?b"));
  EXPECT_TRUE(wire.is_closed_by_peer());
  wire.close();
  stopping.get();
}

}  // namespace
}  // namespace evergrant::test
