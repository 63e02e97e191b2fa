// What the upstream client keeps on one event loop: idle connections and the deadlines of all. A service of the loop's
// io_context, so that it ends with the loop, before the sockets' own service. Internal to net/: it shows Asio.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "net/event_loop.hpp"
#include "net/upstream.hpp"

namespace evergrant {

class UpstreamPool final : public boost::asio::execution_context::service {
 public:
  static boost::asio::execution_context::id id;  // as Asio finds services

  explicit UpstreamPool(boost::asio::execution_context& context);
  // Of the loop; configured by the first who asks.
  static UpstreamPool& of(EventLoop& loop, const UpstreamOptions& options);

  [[nodiscard]] Deadlines& deadlines() { return *deadlines_; }
  // One that is still open, the youngest first.
  [[nodiscard]] std::unique_ptr<UpstreamConnection> take(const std::string& key);
  void keep(std::unique_ptr<UpstreamConnection> connection);

 private:
  using Timer =
      boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
                                        EventLoop::IoExecutor>;
  void configure(EventLoop& loop, const UpstreamOptions& options);
  void sweep();
  void shutdown() override;

  std::optional<Deadlines> deadlines_;
  std::unordered_map<std::string, std::deque<std::unique_ptr<UpstreamConnection>>> idle_;  // oldest first
  std::optional<Timer> timer_;
  Duration keep_idle_{0};
  std::size_t idle_per_host_ = 0;
};

}  // namespace evergrant
