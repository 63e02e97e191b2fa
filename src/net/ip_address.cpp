#include "net/ip_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr IpAddress::Bytes mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::size_t mapped_size = 12;
constexpr int mapped_bits = 96;

std::optional<int> parse_prefix(std::string_view digits, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  if (!whole || value < 0 || value > most) return std::nullopt;
  return value;
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
  Bytes bytes = mapped_prefix;
  for (std::size_t i = 0; i < 4; ++i) bytes[mapped_size + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return IpAddress{bytes};
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated{text};
  if (terminated.find('\0') != std::string::npos) return std::nullopt;
  in_addr four{};
  if (inet_pton(AF_INET, terminated.c_str(), &four) == 1) return v4(ntohl(four.s_addr));
  Bytes bytes{};
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return IpAddress{bytes};
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::from(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address, sizeof four);
    return v4(ntohl(four.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, &address, sizeof six);
    Bytes bytes{};
    std::memcpy(bytes.data(), &six.sin6_addr, bytes.size());
    return IpAddress{bytes};
  }
  return std::nullopt;
}

bool IpAddress::is_v4() const { return std::equal(bytes_.begin(), bytes_.begin() + mapped_size, mapped_prefix.begin()); }

std::uint32_t IpAddress::as_v4() const {
  std::uint32_t value = 0;
  for (std::size_t i = mapped_size; i < bytes_.size(); ++i) value = (value << 8U) | bytes_[i];
  return value;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4()) {
    inet_ntop(AF_INET, bytes_.data() + mapped_size, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  }
  return text.data();
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto base = IpAddress::parse(text.substr(0, slash));
  const bool written_as_v4 = base && text.substr(0, slash).find(':') == std::string_view::npos;
  auto prefix = std::optional{written_as_v4 ? 32 : 128};
  if (slash != std::string_view::npos) prefix = parse_prefix(text.substr(slash + 1), *prefix);
  if (!base || !prefix) {
    return fail(Errc::invalid_argument, "\"" + printable(text) + "\" is not an address or an address block",
                "write it as 10.0.0.0/8, fd00::/8, 192.0.2.7 or ::1");
  }
  return Cidr{*base, written_as_v4 ? *prefix + mapped_bits : *prefix};
}

bool Cidr::contains(const IpAddress& address) const {
  const auto whole = static_cast<std::size_t>(prefix_ / 8);
  const auto rest = static_cast<unsigned>(prefix_ % 8);
  const auto& ours = base_.bytes();
  const auto& theirs = address.bytes();
  if (!std::equal(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(whole), theirs.begin())) return false;
  if (rest == 0) return true;
  const unsigned mask = 0xFFU << (8U - rest);
  return ((ours[whole] ^ theirs[whole]) & mask & 0xFFU) == 0;
}

}  // namespace evergrant
