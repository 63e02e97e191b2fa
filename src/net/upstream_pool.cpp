#include "net/upstream_pool.hpp"

namespace evergrant {
namespace {

constexpr Duration pool_tick{100};  // deadlines are met to within this
using PoolInstant = std::chrono::steady_clock;

}  // namespace

boost::asio::execution_context::id UpstreamPool::id;

UpstreamPool::UpstreamPool(boost::asio::execution_context& context) : service{context} {}

UpstreamPool& UpstreamPool::of(EventLoop& loop, const UpstreamOptions& options) {
  auto& pool = boost::asio::use_service<UpstreamPool>(loop.io());
  if (!pool.deadlines_) pool.configure(loop, options);
  return pool;
}

void UpstreamPool::configure(EventLoop& loop, const UpstreamOptions& options) {
  // In the order of Deadlines::Kind; what the server calls lingering is connecting here.
  deadlines_.emplace(std::array<Duration, Deadlines::kinds>{options.keep_idle, options.answer_timeout, options.idle_timeout,
                                                            options.idle_timeout, options.connect_timeout});
  keep_idle_ = options.keep_idle;
  idle_per_host_ = options.idle_per_host;
  timer_.emplace(loop.io());
  sweep();
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
  deadlines_->expire(now);
  for (auto host = idle_.begin(); host != idle_.end();) {
    auto& idle = host->second;
    while (!idle.empty() && now - idle.front()->parked_since() >= keep_idle_) idle.pop_front();
    host = idle.empty() ? idle_.erase(host) : std::next(host);
  }
  timer_->expires_after(pool_tick);
  timer_->async_wait([this](const boost::system::error_code& ec) {
    if (!ec) sweep();
  });
}

void UpstreamPool::shutdown() {
  idle_.clear();
  timer_.reset();
}

}  // namespace evergrant
