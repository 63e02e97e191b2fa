#include "net/forwarded.hpp"

#include <algorithm>
#include <ranges>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

// All values of a header that may be repeated or be a list, in order.
std::vector<std::string> list_of(const Headers& headers, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [field, value] : headers.all()) {
    if (!equal_ignoring_case(field, name)) continue;
    for (const auto& piece : split(value, ',')) values.emplace_back(trim(piece));
  }
  return values;
}

}  // namespace

Result<TrustedProxies> TrustedProxies::parse(const std::vector<std::string>& entries) {
  TrustedProxies proxies;
  for (const auto& entry : entries) {
    if (entry == "unix") {
      proxies.unix_socket_ = true;
      continue;
    }
    const auto block = Cidr::parse(entry);
    if (!block) return std::unexpected(block.error());
    proxies.blocks_.push_back(*block);
  }
  return proxies;
}

bool TrustedProxies::contains(const IpAddress& address) const {
  return std::ranges::any_of(blocks_, [&](const Cidr& block) { return block.contains(address); });
}

bool TrustedProxies::trusts(const Peer& peer) const { return peer.address ? contains(*peer.address) : unix_socket_; }

void TrustedProxies::apply(const Peer& peer, HttpRequest& request) const {
  request.remote = peer.text;
  request.secure = peer.tls;
  if (!unix_socket_) request.local_peer = peer.local;
  if ((blocks_.empty() && !unix_socket_) || !trusts(peer)) return;
  for (const auto& entry : list_of(request.headers, "X-Forwarded-For") | std::views::reverse) {
    const auto address = IpAddress::parse(entry);
    if (!address) break;
    request.remote = address->to_string();
    if (!contains(*address)) break;
  }
  const auto schemes = list_of(request.headers, "X-Forwarded-Proto");
  if (schemes.empty()) return;
  request.secure = std::ranges::all_of(schemes, [](const auto& scheme) { return equal_ignoring_case(scheme, "https"); });
}

}  // namespace evergrant
