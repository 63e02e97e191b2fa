#include "net/upstream.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "net/address_guard.hpp"
#include "net/connecting.hpp"
#include "net/host_resolver.hpp"
#include "net/tls_stream.hpp"
#include "net/tunnel.hpp"
#include "net/upstream_pool.hpp"

namespace evergrant {
namespace {

using Addresses = Result<std::vector<IpAddress>>;

Error unavailable(const UpstreamEndpoint& endpoint, std::string what) {
  return {Errc::provider_unavailable, "the provider's API at " + printable(endpoint.host) + " " + std::move(what),
          "nothing was sent; try again"};
}

// Ends what is in progress when the time to connect is over.
class ConnectDeadline final : private Deadlines::Owner {
 public:
  ConnectDeadline(Deadlines& deadlines, Deadlines::Instant since) { deadlines.arm(slot_, Deadlines::Kind::linger, since); }
  ConnectDeadline(const ConnectDeadline&) = delete;
  ConnectDeadline& operator=(const ConnectDeadline&) = delete;
  ~ConnectDeadline() override = default;
  Connecting* connecting = nullptr;
  ByteStream* stream = nullptr;
  bool passed = false;

 private:
  void on_deadline() override {
    passed = true;
    if (stream != nullptr) stream->close();
    if (connecting != nullptr) connecting->cancel();
  }
  Deadlines::Slot slot_{*this};
};

std::string authority_of(const UpstreamEndpoint& endpoint) {
  const bool bare_v6 = endpoint.host.contains(':');
  return (bare_v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

std::string key_of(const UpstreamEndpoint& endpoint) {
  std::string key = endpoint.tls ? "s" : "p";
  key += endpoint.loopback ? "l" : "r";
  key += endpoint.any_address ? "a" : "g";
  key.append(endpoint.host).append(":").append(std::to_string(endpoint.port));
  return key.append(" ").append(endpoint.shared_by);
}

}  // namespace

bool may_reach(const IpAddress& address, const UpstreamEndpoint& endpoint) {
  const bool own_machine = endpoint.loopback && is_loopback(address);
  if (!endpoint.tls) return own_machine;
  return own_machine || endpoint.any_address || is_public_address(address);
}

struct UpstreamClient::Impl {
  explicit Impl(UpstreamOptions upstream_options) : options{std::move(upstream_options)}, resolver{options.resolver} {
    if (!resolver) resolver = make_system_resolver();
  }

  // Pinned by the options, literal, or asked for. Every address must be one that may be reached: a name that also leads
  // elsewhere is not trusted to lead here.
  Task<Addresses> addresses_of(UpstreamEndpoint endpoint, Duration limit) {
    if (const auto* way = forward_proxy_for(endpoint)) {
      auto at_proxy = co_await proxy_addresses(*way, limit);
      co_return at_proxy;
    }
    std::vector<IpAddress> found = pinned(endpoint);
    if (found.empty()) {
      if (const auto literal = IpAddress::parse(endpoint.host)) found.push_back(*literal);
    }
    if (found.empty()) {
      auto asked = co_await asked_within(endpoint, limit);
      if (!asked) co_return asked;
      found = std::move(*asked);
    }
    if (found.empty()) co_return std::unexpected(unavailable(endpoint, "has no address"));
    if (!std::ranges::all_of(found, [&](const IpAddress& address) { return may_reach(address, endpoint); })) {
      co_return fail(Errc::forbidden, "the API's host " + printable(endpoint.host) + " leads into a private network",
                     "if it is right, list the host in proxy.private_hosts");
    }
    co_return found;
  }

  // What is on this machine is called directly, as the HTTP client does.
  [[nodiscard]] const ForwardProxy* forward_proxy_for(const UpstreamEndpoint& endpoint) const {
    return forward_proxy && endpoint.tls && !endpoint.loopback ? &*forward_proxy : nullptr;
  }

  // Its address is the operator's choice.
  Task<Addresses> proxy_addresses(ForwardProxy way, Duration limit) {
    if (const auto literal = IpAddress::parse(way.host)) co_return std::vector{*literal};
    auto asked = co_await asked_within({.tls = false, .host = way.host, .port = way.port}, limit);
    co_return asked;
  }

  Task<Addresses> asked_within(UpstreamEndpoint endpoint, Duration limit) {
    Executor& here = co_await current_executor();
    Completion<Addresses> answer;
    spawn(here, [](HostResolver& names, std::string host, Completion<Addresses> target) -> Task<void> {
      auto addresses = co_await names.resolve(std::move(host));  // ends with the resolver's answer
      target.set(std::move(addresses));
    }(*resolver, endpoint.host, answer));
    auto addresses = co_await wait_for(answer, limit);
    if (!addresses) co_return std::unexpected(unavailable(endpoint, "has a name that is not resolved in time"));
    if (!*addresses) co_return std::unexpected(unavailable(endpoint, addresses->error().message));
    co_return std::move(*addresses);
  }

  [[nodiscard]] std::vector<IpAddress> pinned(const UpstreamEndpoint& endpoint) const {
    const std::string start = endpoint.host + ":" + std::to_string(endpoint.port) + ":";
    std::vector<IpAddress> found;
    for (const auto& pin : options.pinned_addresses) {
      if (!pin.starts_with(start)) continue;
      if (const auto address = IpAddress::parse(std::string_view{pin}.substr(start.size()))) found.push_back(*address);
    }
    return found;
  }

  Task<Result<std::unique_ptr<ByteStream>>> connect(EventLoop& loop, Deadlines& deadlines, Deadlines::Instant since,
                                                    UpstreamEndpoint endpoint, std::vector<IpAddress> addresses) const {
    ConnectDeadline deadline{deadlines, since};
    const auto* way = forward_proxy_for(endpoint);
    for (const IpAddress& address : addresses) {
      Connecting connecting{loop, SocketAddress{address, way != nullptr ? way->port : endpoint.port}};
      deadline.connecting = &connecting;
      const auto connected = co_await connecting;
      deadline.connecting = nullptr;
      if (deadline.passed) break;
      if (!connected.ok) continue;
      Socket socket = connecting.take();
      if (way != nullptr) {
        SocketStream plain{loop, std::move(socket)};
        deadline.stream = &plain;
        const bool there = co_await open_tunnel(plain, authority_of(endpoint));
        deadline.stream = nullptr;
        if (deadline.passed) break;
        if (!there) continue;
        socket = plain.release();
      }
      if (!endpoint.tls) co_return make_stream(loop, std::move(socket));
      auto stream = make_tls_client_stream(loop, std::move(socket), *tls, endpoint.host);
      deadline.stream = stream.get();
      const auto shaken = co_await stream->handshake();
      deadline.stream = nullptr;
      if (shaken.ok && !deadline.passed) co_return std::move(stream);
      co_return std::unexpected(
          unavailable(endpoint, deadline.passed ? "does not finish its TLS handshake in time"
                                                : "cannot be spoken to in TLS: its certificate, its name or its version"));
    }
    co_return std::unexpected(
        unavailable(endpoint, deadline.passed ? "does not accept a connection in time" : "refuses connections"));
  }

  UpstreamOptions options;
  std::shared_ptr<HostResolver> resolver;
  TlsContext tls;
  std::optional<ForwardProxy> forward_proxy;
};

UpstreamClient::UpstreamClient(UpstreamOptions options) : impl_{std::make_unique<Impl>(std::move(options))} {}
UpstreamClient::~UpstreamClient() = default;

Result<> UpstreamClient::start() {
  if (!impl_->options.forward_proxy.empty()) {
    auto way = parse_forward_proxy(impl_->options.forward_proxy);
    // Others may be for the HTTP client; then there is no way for these calls, and none is made past it.
    impl_->forward_proxy = way ? std::move(*way) : ForwardProxy{};
  }
  auto context = make_client_context(impl_->options.ca_file);
  if (!context) return std::unexpected(context.error());
  impl_->tls = std::move(*context);
  return {};
}

Task<Result<std::unique_ptr<UpstreamConnection>>> UpstreamClient::open(UpstreamEndpoint endpoint, bool fresh,
                                                                       Duration spent) {
  Executor& here = co_await current_executor();
  auto* loop = dynamic_cast<EventLoop*>(&here);
  if (loop == nullptr || !impl_->tls)
    co_return fail(Errc::unsupported, "calls to providers' APIs are made by a running server only");
  if (const auto* way = impl_->forward_proxy_for(endpoint); way != nullptr && way->port == 0) {
    co_return std::unexpected(parse_forward_proxy(impl_->options.forward_proxy).error());
  }
  UpstreamPool& pool = UpstreamPool::of(*loop, impl_->options);
  std::string key = key_of(endpoint);
  if (!fresh) {
    if (auto kept = pool.take(key)) co_return std::move(kept);
  }
  // The name, the connection and TLS have one limit together.
  const auto since = std::chrono::steady_clock::now() - spent;
  if (spent >= impl_->options.connect_timeout) co_return std::unexpected(unavailable(endpoint, "was not reached in time"));
  auto addresses = co_await impl_->addresses_of(endpoint, impl_->options.connect_timeout - spent);
  if (!addresses) co_return std::unexpected(addresses.error());
  auto stream = co_await impl_->connect(*loop, pool.deadlines(), since, endpoint, std::move(*addresses));
  if (!stream) co_return std::unexpected(stream.error());
  co_return std::make_unique<UpstreamConnection>(std::move(*stream), pool.deadlines(), std::move(key));
}

Task<void> UpstreamClient::give_back(std::unique_ptr<UpstreamConnection> connection) {
  Executor& here = co_await current_executor();
  auto* loop = dynamic_cast<EventLoop*>(&here);
  if (loop == nullptr || !connection->reusable()) co_return;
  UpstreamPool::of(*loop, impl_->options).keep(std::move(connection));
}

}  // namespace evergrant
