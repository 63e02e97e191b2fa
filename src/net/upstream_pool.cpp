#include "net/upstream_pool.hpp"

namespace evergrant {
namespace {

constexpr Duration pool_tick{100};  // deadlines are met to within this
using PoolInstant = std::chrono::steady_clock;

}  // namespace

// Deadlines in the order of Deadlines::Kind; what the server calls lingering is connecting here.
UpstreamPool::UpstreamPool(EventLoop& loop, const UpstreamOptions& options)
    : loop_{loop},
      deadlines_{
          {options.keep_idle, options.answer_timeout, options.idle_timeout, options.idle_timeout, options.connect_timeout}},
      keep_idle_{options.keep_idle},
      idle_per_host_{options.idle_per_host} {
  sweep();
}

UpstreamPool& UpstreamPool::of(EventLoop& loop, const UpstreamOptions& options) {
  auto& guest = loop.guest();
  if (!guest) guest = std::make_unique<UpstreamPool>(loop, options);
  return dynamic_cast<UpstreamPool&>(*guest);
}

std::unique_ptr<UpstreamConnection> UpstreamPool::take(const std::string& key) {
  const auto found = idle_.find(key);
  if (found == idle_.end()) return nullptr;
  while (!found->second.empty()) {
    auto connection = std::move(found->second.back());
    found->second.pop_back();
    const bool young = PoolInstant::now() - connection->parked_since() < keep_idle_;
    if (young && connection->is_quiet()) return connection;
  }
  return nullptr;
}

void UpstreamPool::keep(std::unique_ptr<UpstreamConnection> connection) {
  connection->park(PoolInstant::now());
  auto& idle = idle_[connection->key()];
  if (idle.size() >= idle_per_host_ && !idle.empty()) idle.pop_front();
  if (idle_per_host_ > 0) idle.push_back(std::move(connection));
}

void UpstreamPool::sweep() {
  const auto now = PoolInstant::now();
  deadlines_.expire(now);
  for (auto host = idle_.begin(); host != idle_.end();) {
    auto& idle = host->second;
    while (!idle.empty() && now - idle.front()->parked_since() >= keep_idle_) idle.pop_front();
    host = idle.empty() ? idle_.erase(host) : std::next(host);
  }
  timer_ = loop_.call_after(pool_tick, [this] { sweep(); });
}

}  // namespace evergrant
