#include "proxy/target.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "oauth/host_variables.hpp"
#include "oauth/request_body.hpp"
#include "proxy/path_check.hpp"
#include "proxy/realm_rule.hpp"

namespace evergrant {
namespace {

std::unexpected<Error> host_refused(std::string_view host) {
  return fail(Errc::forbidden, "'" + printable(host, 100) + "' is not a host of this provider's API",
              "inject.allowed_hosts in the provider's profile lists them");
}

Result<HostAndPort> base_of(const Provider& provider, const std::map<std::string, std::string>& extras,
                            std::string_view realm) {
  if (provider.inject.api_base.empty()) {
    return fail(Errc::unsupported, "the profile of '" + provider.id.str() + "' does not say where its API is",
                "set inject.api_base and inject.allowed_hosts in [registration.profile]");
  }
  auto filled = fill_hosts(provider.inject.api_base, provider, extras);
  if (!filled) return std::unexpected(filled.error());
  auto at = split_url(fill_in(*filled, "realm", percent_encode(realm)), provider.allow_loopback_http);
  if (!at) return at;
  if (!is_listed_host(*at, provider.inject.allowed_hosts, true)) return host_refused(at->authority);
  return at;
}

// The caller's choice: a host that the profile lists as it is. Suffixes are for what providers say of themselves.
Result<HostAndPort> named_host(const Provider& provider, std::string_view host) {
  const bool plain = !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':' ||
           c == '[' || c == ']';
  });
  if (!plain) return host_refused(host);
  auto at = split_url("https://" + std::string{host} + "/", provider.allow_loopback_http);
  if (at && is_listed_host(*at, provider.inject.allowed_hosts, false)) {
    // A development profile lists its loopback hosts as api_base has them, in plain HTTP.
    const bool plain_http = provider.allow_loopback_http && provider.inject.api_base.starts_with("http://");
    return plain_http ? split_url("http://" + std::string{host} + "/", true) : at;
  }
  return host_refused(host);
}

bool is_visible(char c) { return c > 0x20 && c < 0x7F && c != '#'; }

// Checked alone, and again behind the base's own path where that has one: there the realm may stand.
Result<> check_whole_path(const Provider& provider, std::string_view realm, const ProxyTarget& target,
                          const std::vector<std::string>& own) {
  const auto& pattern = provider.inject.realm_path;
  if (target.at.path.empty() || pattern.empty()) return check_realm_in_path(own, pattern, realm);
  const auto whole = readings_of(target.path);
  if (!whole) return std::unexpected(whole.error());
  return check_realm_in_path(*whole, pattern, realm);
}

}  // namespace

std::optional<HostAndPort> fixed_base(const Provider& provider) {
  if (provider.inject.api_base.contains('{')) return std::nullopt;
  auto base = base_of(provider, {}, "");
  return base ? std::optional{std::move(*base)} : std::nullopt;
}

Result<ProxyTarget> build_target(const Provider& provider, const std::map<std::string, std::string>& extras,
                                 std::string_view realm, const TargetRequest& request, const HostAndPort* base) {
  auto at = !request.host.empty() ? named_host(provider, request.host)
            : base != nullptr     ? Result<HostAndPort>{*base}
                                  : base_of(provider, extras, realm);
  if (!at) return std::unexpected(at.error());
  const auto own = readings_of(request.path);
  if (!own) return std::unexpected(own.error());
  if (auto checked = check_path(*own); !checked) return std::unexpected(checked.error());
  if (!std::ranges::all_of(request.path, is_visible) || !std::ranges::all_of(request.query, is_visible)) {
    return fail(Errc::invalid_argument, "the path or the query holds a character that has to be percent-encoded");
  }
  ProxyTarget target{.at = std::move(*at), .path = {}, .target = {}};
  target.path = target.at.path + std::string{request.path};
  if (auto checked = check_whole_path(provider, realm, target, *own); !checked) return std::unexpected(checked.error());
  target.target = target.path;
  if (!request.query.empty()) target.target.append("?").append(request.query);
  return target;
}

}  // namespace evergrant
