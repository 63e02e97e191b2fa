// One HTTP/1.1 connection to a provider's API, and the answer on it, piece by piece. Lives on one event loop. At most one
// coroutine sends and one reads, at the same time if they like; each waits no longer than the pool's deadlines.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/byte_stream.hpp"
#include "net/deadlines.hpp"
#include "net/response_parser.hpp"

namespace evergrant {

class UpstreamConnection final : private Deadlines::Owner {
 public:
  struct Piece {
    std::string_view bytes;  // until the next read
    bool end = false;
    bool broken = false;
  };
  // Why an answer did not come.
  struct Loss {
    bool timed_out = false;
    bool malformed = false;
  };

  UpstreamConnection(std::unique_ptr<ByteStream> stream, Deadlines& deadlines, std::string key);
  ~UpstreamConnection() override;
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;

  // The next exchange begins; to HEAD the answer has no body.
  void begin(bool to_head);
  // False: the other end is gone, or takes nothing any more.
  Task<bool> send(std::string_view bytes);
  // Nothing more of the request is sent: from here on the answer is waited for. `whole`: all of it was.
  void request_sent(bool whole);

  // The next head; interim ones (1xx) too, twenty at most. Nothing: see `loss`.
  Task<std::optional<UpstreamHead>> read_head();
  Task<Piece> read();
  [[nodiscard]] bool has_more() const noexcept;  // that can be read without waiting
  [[nodiscard]] const Headers& trailers() const noexcept { return parser_.trailers(); }

  [[nodiscard]] bool reused() const noexcept { return exchanges_ > 1; }
  [[nodiscard]] bool answer_begun() const noexcept { return answer_begun_; }
  [[nodiscard]] std::uint64_t bytes_sent() const noexcept { return sent_; }
  [[nodiscard]] const Loss& loss() const noexcept { return loss_; }
  // Both ends are through with the exchange, and the other end keeps the connection.
  [[nodiscard]] bool reusable() const noexcept;
  void abort() noexcept;  // what is in progress fails

  // For the pool.
  [[nodiscard]] const std::string& key() const noexcept { return key_; }
  [[nodiscard]] bool is_quiet() noexcept { return begin_ == end_ && stream_->is_quiet(); }
  void park(std::chrono::steady_clock::time_point since);
  [[nodiscard]] std::chrono::steady_clock::time_point parked_since() const noexcept { return parked_since_; }

 private:
  void on_deadline() override;
  Task<bool> read_more(Deadlines::Kind kind);
  void arm_reading();
  bool make_room();

  std::unique_ptr<ByteStream> stream_;
  Deadlines& deadlines_;
  std::string key_;
  ResponseParser parser_;
  Deadlines::Slot reading_{*this};
  Deadlines::Slot writing_{*this};
  std::string in_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t dirty_ = 0;  // bytes of in_ that may hold something to wipe
  std::uint64_t sent_ = 0;
  int exchanges_ = 0;
  int interim_ = 0;  // answers of this exchange
  Deadlines::Kind waits_for_ = Deadlines::Kind::header;
  bool waiting_ = false;  // a read is in progress
  bool request_sent_ = false;
  bool request_whole_ = false;
  bool answer_begun_ = false;
  bool to_head_ = false;
  bool keeps_ = false;  // the other end keeps the connection, as its head said
  bool closed_ = false;
  Loss loss_;
  std::chrono::steady_clock::time_point parked_since_;
};

}  // namespace evergrant
