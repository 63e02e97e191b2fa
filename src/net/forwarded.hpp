// Who is really asking, when a proxy stands in front: X-Forwarded-For and X-Forwarded-Proto are believed only from the
// configured addresses, and never from anybody else. Immutable after parsing; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/http.hpp"
#include "net/ip_address.hpp"

namespace evergrant {

struct Peer {                        // the other end of the socket
  std::optional<IpAddress> address;  // none: a unix socket
  std::string text;                  // the address, or "unix uid 1000 pid 4242"
  bool tls = false;
  std::optional<LocalPeer> local = {};
};

class TrustedProxies {
 public:
  // Addresses, CIDR blocks, and the word "unix" for whoever can open the unix socket. Error: invalid_argument.
  [[nodiscard]] static Result<TrustedProxies> parse(const std::vector<std::string>& entries);

  [[nodiscard]] bool trusts(const Peer& peer) const;
  // Sets `remote`, `secure` and `local_peer` of the request. From a trusted peer, `remote` is the last address of
  // X-Forwarded-For that is not itself a trusted proxy; an entry that is no address ends the search there.
  void apply(const Peer& peer, HttpRequest& request) const;

 private:
  [[nodiscard]] bool contains(const IpAddress& address) const;
  std::vector<Cidr> blocks_;
  bool unix_socket_ = false;
};

}  // namespace evergrant
