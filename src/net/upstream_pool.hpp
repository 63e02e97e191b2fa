// What the upstream client keeps on one event loop, and what ends with it: idle connections and the deadlines of all.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "net/event_loop.hpp"
#include "net/upstream.hpp"

namespace evergrant {

class UpstreamPool final : public EventLoop::Guest {
 public:
  UpstreamPool(EventLoop& loop, const UpstreamOptions& options);
  ~UpstreamPool() override { loop_.cancel(timer_); }
  // Of the loop; configured by the first who asks.
  [[nodiscard]] static UpstreamPool& of(EventLoop& loop, const UpstreamOptions& options);

  [[nodiscard]] Deadlines& deadlines() { return deadlines_; }
  // One that is still open, the youngest first.
  [[nodiscard]] std::unique_ptr<UpstreamConnection> take(const std::string& key);
  void keep(std::unique_ptr<UpstreamConnection> connection);

 private:
  void sweep();

  EventLoop& loop_;
  Deadlines deadlines_;
  std::unordered_map<std::string, std::deque<std::unique_ptr<UpstreamConnection>>> idle_;  // oldest first
  Duration keep_idle_;
  std::size_t idle_per_host_;
  Executor::TimerId timer_ = 0;
};

}  // namespace evergrant
