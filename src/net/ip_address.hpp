// An IP address and a CIDR block as values. An IPv4 address and its IPv4-mapped IPv6 form are the same address here, so
// that no rule can be passed by writing one as the other. No I/O, thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct sockaddr;

namespace evergrant {

class IpAddress {
 public:
  using Bytes = std::array<std::uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d
  explicit IpAddress(const Bytes& bytes) : bytes_{bytes} {}
  [[nodiscard]] static IpAddress v4(std::uint32_t host_order);

  // Dotted quad in decimal, or RFC 4291 text; no brackets, no zone. Nothing on anything else.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  // Nothing for a family other than IPv4 and IPv6.
  [[nodiscard]] static std::optional<IpAddress> from(const sockaddr& address);

  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] std::uint32_t as_v4() const;  // host order; only if is_v4()
  [[nodiscard]] const Bytes& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string to_string() const;
  bool operator==(const IpAddress&) const = default;

 private:
  Bytes bytes_;
};

class Cidr {
 public:
  // "10.0.0.0/8", "fd00::/8", or a single address. Error: invalid_argument.
  [[nodiscard]] static Result<Cidr> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& address) const;

 private:
  Cidr(const IpAddress& base, int prefix) : base_{base}, prefix_{prefix} {}
  IpAddress base_;
  int prefix_;  // of 128 bits
};

}  // namespace evergrant
