// Where one proxied call goes: from the path behind …/proxy, the query, and the connection it is made for, to a host and a
// request target, or a refusal. Nothing is resolved or sent here. Pure; thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/provider.hpp"
#include "proxy/host_rule.hpp"

namespace evergrant {

struct TargetRequest {
  std::string_view path;   // as it came, behind "/proxy": "/v3/company/1/query"
  std::string_view query;  // as it came, without '?'
  std::string_view host;   // Evergrant-Host: another host of the profile; empty: that of inject.api_base
};

struct ProxyTarget {
  HostAndPort at;
  std::string path;    // percent-encoded, as it goes to the provider
  std::string target;  // path and query
};

// Where the API of every connection of this provider is, if its profile says so without variables: worth to be found once.
[[nodiscard]] std::optional<HostAndPort> fixed_base(const Provider& provider);

// `base`: of `fixed_base`. `extras`: the connection's, which hold the values of the profile's host variables.
// Errors: invalid_argument (the path, see proxy/path_check.hpp; a host that is not known), forbidden (a host that is not the
// provider's, another realm), unsupported (the profile names no API).
[[nodiscard]] Result<ProxyTarget> build_target(const Provider& provider, const std::map<std::string, std::string>& extras,
                                               std::string_view realm, const TargetRequest& request,
                                               const HostAndPort* base = nullptr);

}  // namespace evergrant
