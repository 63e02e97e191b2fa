#include "proxy/host_rule.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/encoding.hpp"
#include "net/address_guard.hpp"

namespace evergrant {
namespace {

constexpr std::uint16_t https_port = 443;
constexpr std::uint16_t http_port = 80;

bool lists_host(std::string_view entry, const HostAndPort& at, bool suffixes) {
  const std::string name = at.host.contains(':') ? "[" + at.host + "]" : at.host;
  const bool usual_port = at.port == (at.tls ? https_port : http_port);
  if (entry.starts_with("*.")) {
    return suffixes && usual_port && name.size() > entry.size() - 1 && name.ends_with(entry.substr(1)) &&
           !name.starts_with('.');
  }
  if (usual_port && entry == name) return true;
  return entry == name + ":" + std::to_string(at.port);
}

}  // namespace

Result<HostAndPort> split_url(std::string_view url, bool allow_loopback_http) {
  if (auto checked = check_url(url, AddressRule::configured, allow_loopback_http); !checked) {
    return std::unexpected(checked.error());
  }
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return fail(Errc::invalid_argument, "the URL is not valid", "write it as https://host/path");
  HostAndPort at;
  at.tls = equal_ignoring_case(std::string_view{parsed->scheme()}, "https");
  std::string name = to_lower_ascii(std::string_view{parsed->encoded_host()});
  at.port = at.tls ? https_port : http_port;
  if (parsed->has_port() && !parsed->port().empty()) at.port = parsed->port_number();
  const bool usual_port = at.port == (at.tls ? https_port : http_port);
  at.authority = usual_port ? name : name + ":" + std::to_string(at.port);
  if (name.starts_with('[')) name = name.substr(1, name.size() - 2);
  if (name.ends_with('.')) return fail(Errc::invalid_argument, "the URL's host ends with a dot", "leave the dot out");
  at.host = std::move(name);
  at.path = std::string_view{parsed->encoded_path()};
  while (at.path.ends_with('/')) at.path.pop_back();
  return at;
}

bool is_listed_host(const HostAndPort& at, const std::vector<std::string>& allowed, bool suffixes) {
  return std::ranges::any_of(allowed, [&](const std::string& entry) { return lists_host(entry, at, suffixes); });
}

}  // namespace evergrant
