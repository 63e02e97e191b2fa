#include "net/address_guard.hpp"

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <vector>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

struct V4Block {
  std::uint32_t base;
  unsigned prefix;
};

// IANA's IPv4 Special-Purpose Address Registry, multicast and reserved space, and one cloud's metadata address that lies
// in public space (168.63.129.16, Azure).
constexpr std::array<V4Block, 17> closed_v4{{
    {0x00000000, 8},
    {0x0A000000, 8},
    {0x64400000, 10},
    {0x7F000000, 8},
    {0xA9FE0000, 16},
    {0xAC100000, 12},
    {0xC0000000, 24},
    {0xC0000200, 24},
    {0xC0586300, 24},
    {0xC0A80000, 16},
    {0xC6120000, 15},
    {0xC6336400, 24},
    {0xCB007100, 24},
    {0xE0000000, 4},
    {0xF0000000, 4},
    {0xA83F8110, 32},
    {0xC01FC400, 24},
}};

bool is_public_v4(std::uint32_t address) {
  return std::ranges::none_of(closed_v4, [&](const V4Block& block) {
    const std::uint32_t mask = 0xFFFFFFFFU << (32 - block.prefix);
    return (address & mask) == block.base;
  });
}

bool starts_with(const IpAddress::Bytes& bytes, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

// RFC 6052: a network without IPv4 reaches the whole IPv4 Internet through this prefix, so what counts is what is inside.
bool is_nat64(const IpAddress::Bytes& bytes) { return starts_with(bytes, {0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0}); }

bool is_public_v6(const IpAddress& address) {
  const auto& bytes = address.bytes();
  if (is_nat64(bytes)) return is_public_v4(address.as_v4());
  if ((bytes[0] & 0xE0U) != 0x20U) return false;                                  // only 2000::/3 is global unicast
  if (starts_with(bytes, {0x20, 0x01}) && (bytes[2] & 0xFEU) == 0) return false;  // 2001::/23, Teredo among them
  if (starts_with(bytes, {0x20, 0x01, 0x0D, 0xB8})) return false;                 // documentation
  if (starts_with(bytes, {0x3F, 0xFF}) && (bytes[2] & 0xF0U) == 0) return false;  // documentation, RFC 9637
  return !starts_with(bytes, {0x20, 0x02});                                       // 6to4 carries an IPv4 address
}

std::optional<std::uint64_t> read_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
    if (text.empty()) return 0;  // as resolvers read it
  } else if (text.size() > 1 && text.front() == '0') {
    base = 8;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view without_final_dot(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

std::string_view last_label(std::string_view host) {
  host = without_final_dot(host);
  const auto dot = host.rfind('.');
  return dot == std::string_view::npos ? host : host.substr(dot + 1);
}

// WHATWG URL, "ends in a number": such a host is an IPv4 address to a resolver, or nothing.
bool ends_in_number(std::string_view host) {
  const auto label = last_label(host);
  if (label.empty()) return false;
  const bool digits = std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
  return digits || (label.size() > 1 && read_number(label).has_value());
}

bool is_local_name(std::string_view host) {
  const std::string name = to_lower_ascii(without_final_dot(host));
  if (name.find('.') == std::string::npos) return true;  // a bare name is resolved within the local network
  constexpr std::array<std::string_view, 6> local{"localhost", "local", "internal", "arpa", "lan", "intranet"};
  return std::ranges::find(local, last_label(name)) != local.end();
}

std::unexpected<Error> refused(std::string_view what, std::string_view host, std::string hint) {
  std::string message{what};
  if (!host.empty()) message += ": " + printable(host);
  return fail(Errc::invalid_argument, std::move(message), std::move(hint));
}

Result<> check_scheme(std::string_view scheme, std::string_view host, bool allow_loopback_http) {
  const std::string lower = to_lower_ascii(scheme);
  if (lower == "https") return {};
  if (lower == "http" && allow_loopback_http && is_loopback_host(host)) return {};
  return refused("the URL must be https", host, "http is possible for a loopback address in development only");
}

// Boost 1.81 takes "127.0.0.1.example" for an address and a path that begins with ".example"; a resolver does not. What
// stands in the text is what libcurl will read, so both must have seen the same.
bool is_read_whole(const boost::urls::url_view& url, std::string_view text) {
  const auto start = text.find("//") + 2;
  const auto end = std::min(text.find_first_of("/?#\\", start), text.size());
  return std::string_view{url.encoded_authority()} == text.substr(start, end - start);
}

Result<> check_authority(const boost::urls::url_view& url, std::string_view text) {
  if (!url.has_authority() || url.encoded_host().empty())
    return refused("the URL has no host", "", "write it as https://host/path");
  if (!is_read_whole(url, text)) return refused("the URL's host is not valid", "", "use a host name or a whole address");
  if (url.has_userinfo()) return refused("the URL holds user information", url.host(), "remove what stands before the @");
  if (url.has_fragment()) return refused("the URL has a fragment", url.host(), "remove what follows the #");
  if (url.has_port() && url.port_number() == 0) return refused("the URL's port is not valid", url.host(), "use 1 to 65535");
  if (url.host_type() == boost::urls::host_type::ipvfuture)
    return refused("the URL's host is not valid", url.host(), "use a name");
  if (url.host_type() == boost::urls::host_type::ipv6) {
    const std::string address{url.host_ipv6_address().to_string()};
    if (std::string_view{url.encoded_host()}.find('%') != std::string_view::npos) {
      return refused("the URL's host has a zone", address, "remove what follows the %");
    }
  }
  return {};
}

bool is_plain_name(std::string_view host) {
  return std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

Result<> check_host(const boost::urls::url_view& url, AddressRule rule) {
  const std::string_view host = url.encoded_host();
  std::optional<IpAddress> literal;
  if (url.host_type() == boost::urls::host_type::ipv6) {
    literal = IpAddress{url.host_ipv6_address().to_bytes()};
  } else if (url.host_type() == boost::urls::host_type::ipv4) {
    literal = IpAddress::parse(host);
  } else {
    if (!is_plain_name(host))
      return refused("the URL's host has characters that no host name has", host, "use the punycode form");
    if (ends_in_number(host)) return refused("the URL's host is an address in disguise", host, "write it as a.b.c.d");
  }
  if (rule == AddressRule::configured) return {};
  const bool local = literal ? !is_public_address(*literal) : is_local_name(host);
  if (local)
    return refused("the URL points into a private network", host,
                   "a document named it; if it is right, name it in the configuration too (endpoints)");
  return {};
}

}  // namespace

bool is_loopback(const IpAddress& address) {
  if (address.is_v4()) return address.as_v4() >> 24U == 127;
  IpAddress::Bytes one{};
  one.back() = 1;
  return address.bytes() == one;
}

bool is_public_address(const IpAddress& address) {
  return address.is_v4() ? is_public_v4(address.as_v4()) : is_public_v6(address);
}

std::optional<IpAddress> read_numeric_host(std::string_view host) {
  if (!ends_in_number(host)) return std::nullopt;
  host = without_final_dot(host);
  std::vector<std::uint64_t> parts;
  for (std::size_t start = 0; start <= host.size();) {
    const auto dot = std::min(host.find('.', start), host.size());
    const auto part = host.substr(start, dot - start);
    const auto value = part.empty() ? std::nullopt : read_number(part);
    if (!value || parts.size() == 4) return std::nullopt;
    parts.push_back(*value);
    start = dot + 1;
  }
  std::uint64_t address = 0;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i] > 255) return std::nullopt;
    address |= parts[i] << (24 - 8 * i);
  }
  const std::uint64_t room = 1ULL << (8 * (5 - parts.size()));  // the last number fills the rest
  if (parts.back() >= room) return std::nullopt;
  return IpAddress::v4(static_cast<std::uint32_t>(address | parts.back()));
}

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (const auto address = IpAddress::parse(host)) return is_loopback(*address);
  const std::string name = to_lower_ascii(without_final_dot(host));
  return name == "localhost" || name.ends_with(".localhost");
}

Result<> check_url(std::string_view url, AddressRule rule, bool allow_loopback_http) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return refused("the URL is not valid", "", "write it as https://host/path, in ASCII");
  if (auto ok = check_authority(*parsed, url); !ok) return ok;
  if (auto ok = check_scheme(parsed->scheme(), std::string_view{parsed->encoded_host()}, allow_loopback_http); !ok)
    return ok;
  return check_host(*parsed, rule);
}

bool may_connect(const IpAddress& address, AddressRule rule, bool plain_http) {
  if (plain_http && !is_loopback(address)) return false;
  return rule == AddressRule::configured || is_public_address(address);
}

}  // namespace evergrant
