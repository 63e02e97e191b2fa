// Where an outbound request may go. The URL is checked before anything is resolved; the address of the socket is
// checked again when it is opened, so a name that resolves to something else the second time gains nothing.
// Pure functions, thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http.hpp"
#include "net/ip_address.hpp"

namespace evergrant {

[[nodiscard]] bool is_loopback(const IpAddress& address);

// False for every block that is not the public Internet: private, loopback, link-local, shared, multicast, documentation,
// benchmarking, cloud metadata; and for forms that carry such an IPv4 address inside (mapped, 6to4, Teredo, NAT64).
[[nodiscard]] bool is_public_address(const IpAddress& address);

// The address that a resolver would read from a host written in numbers: 127.1, 0x7f000001, 017700000001, 2130706433.
// Nothing if the last label is not a number, or the numbers do not fit.
[[nodiscard]] std::optional<IpAddress> read_numeric_host(std::string_view host);

// True for 127.0.0.0/8, ::1 (with or without brackets), localhost and names below it.
[[nodiscard]] bool is_loopback_host(std::string_view host);

// Absolute, https (or http to a loopback host where that is allowed), no user information, no fragment, no host in
// disguise; with AddressRule::remote also no local name and no address that is not public. Error: invalid_argument.
[[nodiscard]] Result<> check_url(std::string_view url, AddressRule rule, bool allow_loopback_http);

// The second half of the guard, for the address that is about to be connected to.
[[nodiscard]] bool may_connect(const IpAddress& address, AddressRule rule, bool plain_http);

}  // namespace evergrant
