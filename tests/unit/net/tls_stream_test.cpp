// A TLS stream on an event loop, spoken to by OpenSSL at the other end of a pair of sockets.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <thread>

#include "net/tls_stream.hpp"
#include "unit/net/certificates.hpp"
#include "unit/net/loopback.hpp"

namespace evergrant::test {
namespace {

class TlsStreamTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = make_server_context(identity.certificate_file(), identity.key_file());
    ASSERT_TRUE(made);
    server_context = std::move(*made);
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    ASSERT_EQ(::fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    stream = make_tls_stream(loop, Socket{ends[0]}, *server_context);
    SSL* ssl = SSL_new(client_context.get());
    SSL_set_fd(ssl, ends[1]);
    SSL_set_connect_state(ssl);
    client = std::make_unique<Wire>(ends[1], ssl);
    theirs_tls = ssl;
  }

  // So many updates of the client's key, which carry nothing, and a letter behind them: at once.
  void flood_with_key_updates(int count) {
    BIO* collected = BIO_new(BIO_s_mem());
    SSL_set0_wbio(theirs_tls, collected);
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(SSL_key_update(theirs_tls, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
      ASSERT_EQ(SSL_do_handshake(theirs_tls), 1);
    }
    ASSERT_EQ(SSL_write(theirs_tls, "x", 1), 1);
    char* bytes = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(collected, &bytes));
    ASSERT_EQ(::send(client->fd(), bytes, size, MSG_NOSIGNAL), static_cast<ssize_t>(size));
  }

  // The client's part on a thread of its own, the stream's on the loop.
  void play(std::function<void(Wire&)> theirs, Task<void> ours) {
    std::thread other{[&] { theirs(*client); }};
    spawn(loop, [](EventLoop& on, Task<void> inner) -> Task<void> {
      co_await std::move(inner);
      on.stop();
    }(loop, std::move(ours)));
    loop.run();
    other.join();
  }

  Authority authority{"Test CA"};
  ServerIdentity identity{authority, {}};
  ContextPtr client_context{SSL_CTX_new(TLS_client_method())};
  TlsContext server_context;
  EventLoop loop;
  std::unique_ptr<ByteStream> stream;
  std::unique_ptr<Wire> client;
  SSL* theirs_tls = nullptr;
};

struct Rounds {
  EventLoop& loop;
  int count = 0;
  void next() {
    ++count;
    loop.post([this] { next(); });
  }
};

Task<std::string> read_exactly(ByteStream& from, std::size_t size, std::span<char> room) {
  std::string all;
  while (all.size() < size) {
    const auto some = co_await from.read(room);
    if (!some.ok) break;
    all.append(room.data(), some.bytes);
  }
  co_return all;
}

// The socket shows nothing of what OpenSSL has already.
TEST_F(TlsStreamTest, a_record_that_is_larger_than_the_room_is_read_on) {
  play([](Wire& wire) { wire.write("abcdefghij"); },
       [](ByteStream& ours) -> Task<void> {
         const auto shaken = co_await ours.handshake();
         EXPECT_TRUE(shaken.ok);
         std::array<char, 3> room{};
         EXPECT_EQ(co_await read_exactly(ours, 10, room), "abcdefghij");
       }(*stream));
}

TEST_F(TlsStreamTest, it_goes_on_after_a_rest) {
  play(
      [](Wire& wire) {
        wire.write("first");
        while (wire.received().size() < 6 && wire.read_more()) {
        }
        wire.write("second");
      },
      [](ByteStream& ours) -> Task<void> {
        const auto shaken = co_await ours.handshake();
        EXPECT_TRUE(shaken.ok);
        std::array<char, 64> room{};
        EXPECT_EQ(co_await read_exactly(ours, 5, room), "first");
        ours.rest();
        EXPECT_EQ(ours.write_now("answer"), 6U);
        ours.rest();
        EXPECT_EQ(co_await read_exactly(ours, 6, room), "second");
        ours.rest();
        ours.close();
        ours.rest();
      }(*stream));
  EXPECT_EQ(client->received(), "answer");
}

// OpenSSL takes any number of them in one call, and the others on the loop would wait.
TEST_F(TlsStreamTest, records_without_data_do_not_keep_the_loop_from_others) {
  const Completion<bool> all_there;
  Rounds rounds{loop};
  play(
      [&](Wire&) {
        ASSERT_EQ(SSL_connect(theirs_tls), 1);
        flood_with_key_updates(2000);  // 54 KB
        all_there.set(true);
      },
      [](ByteStream& ours, Completion<bool> there, Rounds& meanwhile) -> Task<void> {
        const auto shaken = co_await ours.handshake();
        EXPECT_TRUE(shaken.ok);
        co_await there;
        meanwhile.next();
        const int before = meanwhile.count;
        std::array<char, 8> room{};
        EXPECT_EQ(co_await read_exactly(ours, 1, room), "x");
        EXPECT_GT(meanwhile.count, before + 1);
      }(*stream, all_there, rounds));
}

// What was taken in part is given again, from where it then stands.
TEST_F(TlsStreamTest, what_does_not_go_out_at_once_goes_out_later_and_once) {
  std::string much;
  for (int i = 0; much.size() < 3U << 20U; ++i) much += std::to_string(i) + ' ';
  std::string got;
  play(
      [&](Wire& wire) {
        wire.write("?");
        while (got.size() < much.size() && wire.read_more()) got = wire.received();
      },
      [](ByteStream& ours, std::string all) -> Task<void> {
        const auto shaken = co_await ours.handshake();
        EXPECT_TRUE(shaken.ok);
        const std::size_t now = ours.write_now(all);
        EXPECT_LT(now, all.size());
        const std::string rest = all.substr(now);  // elsewhere
        all.assign(all.size(), '!');
        const auto written = co_await ours.write(rest);
        EXPECT_TRUE(written.ok);
      }(*stream, much));
  EXPECT_EQ(got, much);
}

}  // namespace
}  // namespace evergrant::test
