#include "oauth/server_metadata.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>

#include "base/encoding.hpp"
#include "crypto/strict_json.hpp"
#include "oauth/profile_url.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::size_t max_document = 512U * 1024U;
constexpr std::size_t max_document_depth = 16;

struct EndpointName {
  std::string_view member;  // in the document
  std::string Endpoints::* endpoint;
};

constexpr std::array<EndpointName, 8> endpoint_names{{
    {"authorization_endpoint", &Endpoints::authorize},
    {"token_endpoint", &Endpoints::token},
    {"revocation_endpoint", &Endpoints::revoke},
    {"introspection_endpoint", &Endpoints::introspect},
    {"userinfo_endpoint", &Endpoints::userinfo},
    {"jwks_uri", &Endpoints::jwks},
    {"device_authorization_endpoint", &Endpoints::device},
    {"pushed_authorization_request_endpoint", &Endpoints::par},
}};

std::unexpected<Error> refuse(std::string why) {
  return fail(Errc::provider_rejected, "the provider's metadata cannot be used: " + std::move(why),
              "compare `issuer` and `metadata_url` of the profile with the provider's documentation");
}

Result<Endpoints> read_endpoints(const json::object& object, bool allow_loopback_http) {
  Endpoints endpoints;
  for (const auto& [member, endpoint] : endpoint_names) {
    const json::value* value = object.if_contains(member);
    if (value == nullptr || value->is_null()) continue;
    if (!value->is_string()) return refuse(std::string{member} + " is not a string");
    const std::string_view url = value->get_string();
    if (const auto problem = url_problem(url, allow_loopback_http)) return refuse(std::string{member} + ": " + *problem);
    endpoints.*endpoint = url;
  }
  return endpoints;
}

// Leaves `list` as it is where the document has no such member.
Result<> read_list(const json::object& object, std::string_view member, std::vector<std::string>& list) {
  const json::value* value = object.if_contains(member);
  if (value == nullptr || value->is_null()) return {};
  if (!value->is_array()) return refuse(std::string{member} + " is not a list");
  list.clear();
  for (const auto& element : value->get_array()) {
    if (!element.is_string()) return refuse(std::string{member} + " holds something else than strings");
    list.emplace_back(std::string_view{element.get_string()});
  }
  return {};
}

Result<> read_lists(const json::object& object, ServerMetadata& metadata) {
  const std::array<std::pair<std::string_view, std::vector<std::string>*>, 6> lists{
      {{"token_endpoint_auth_methods_supported", &metadata.token_auth_methods},
       {"token_endpoint_auth_signing_alg_values_supported", &metadata.token_auth_algorithms},
       {"response_modes_supported", &metadata.response_modes},
       {"grant_types_supported", &metadata.grant_types},
       {"code_challenge_methods_supported", &metadata.code_challenge_methods},
       {"id_token_signing_alg_values_supported", &metadata.id_token_algorithms}}};
  for (const auto& [member, list] : lists) {
    if (auto read = read_list(object, member, *list); !read) return read;
  }
  return {};
}

Result<> read_mtls_aliases(const json::object& object, bool allow_loopback_http, ServerMetadata& metadata) {
  const json::value* aliases = object.if_contains("mtls_endpoint_aliases");
  if (aliases == nullptr || aliases->is_null()) return {};
  if (!aliases->is_object()) return refuse("mtls_endpoint_aliases is not an object");
  auto endpoints = read_endpoints(aliases->get_object(), allow_loopback_http);
  if (!endpoints) return std::unexpected(std::move(endpoints).error());
  metadata.mtls_endpoints = std::move(*endpoints);
  return {};
}

bool uses_certificate(const Provider& provider) {
  const ClientAuth auth = provider.token.client_auth;
  return auth == ClientAuth::tls || auth == ClientAuth::self_signed_tls;
}

}  // namespace

AddressRule address_rule_for(const Provider& provider, std::string_view url) {
  if (provider.metadata_mode == MetadataMode::fixed) return AddressRule::configured;
  const std::string origin = origin_of(url);
  bool named = origin == origin_of(provider.issuer) || origin == origin_of(provider.metadata_url);
  for (const auto& name : endpoint_names) named = named || origin == origin_of(provider.endpoints.*name.endpoint);
  return named || origin == origin_of(provider.endpoints.refresh) ? AddressRule::configured : AddressRule::remote;
}

Result<ServerMetadata> parse_metadata(std::string_view text, std::string_view pinned_issuer, bool allow_loopback_http) {
  const auto object = parse_strict_object(text, max_document_depth, max_document);
  if (!object) return refuse(object.error().message);
  const auto issuer = string_member(*object, "issuer");
  if (!issuer) return refuse("it has no issuer");
  if (*issuer != pinned_issuer) {
    return refuse("its issuer is \"" + printable(*issuer) + "\", and \"" + std::string{pinned_issuer} + "\" is expected");
  }
  ServerMetadata metadata;
  metadata.issuer = *issuer;
  auto endpoints = read_endpoints(*object, allow_loopback_http);
  if (!endpoints) return std::unexpected(std::move(endpoints).error());
  metadata.endpoints = std::move(*endpoints);
  metadata.last_named = metadata.endpoints;
  if (const auto read = read_mtls_aliases(*object, allow_loopback_http, metadata); !read)
    return std::unexpected(read.error());
  if (const auto read = read_lists(*object, metadata); !read) return std::unexpected(read.error());
  const json::value* iss = object->if_contains("authorization_response_iss_parameter_supported");
  metadata.iss_parameter_supported = iss != nullptr && iss->is_bool() && iss->get_bool();
  return metadata;
}

WellKnownUrls well_known_urls(std::string_view issuer) {
  // The path is taken as it stands, without the '/' that may end it (Discovery 4, RFC 8414 3.1).
  while (issuer.ends_with('/')) issuer.remove_suffix(1);
  const auto scheme = issuer.find("://");
  const auto host = scheme == std::string_view::npos ? 0 : scheme + 3;
  const auto path_at = std::min(issuer.find('/', host), issuer.size());
  const std::string origin{issuer.substr(0, path_at)};
  const std::string path{issuer.substr(path_at)};
  return {.oauth_inserted = origin + "/.well-known/oauth-authorization-server" + path,
          .oidc_inserted = origin + "/.well-known/openid-configuration" + path,
          .oidc_appended = origin + path + "/.well-known/openid-configuration"};
}

std::vector<std::string> metadata_urls(const Provider& provider) {
  if (!provider.metadata_url.empty()) return {provider.metadata_url};
  WellKnownUrls known = well_known_urls(provider.issuer);
  std::vector<std::string> urls{known.oidc_appended, known.oauth_inserted};
  if (known.oidc_inserted != known.oidc_appended) urls.push_back(std::move(known.oidc_inserted));
  return urls;
}

Endpoints laid_over(const Endpoints& above, const Endpoints& below) {
  Endpoints merged = below;
  for (const auto& name : endpoint_names) {
    if (!(above.*name.endpoint).empty()) merged.*name.endpoint = above.*name.endpoint;
  }
  return merged;
}

ResolvedProvider resolve_provider(const Provider& provider, const ServerMetadata* document) {
  ResolvedProvider resolved;
  resolved.issuer = provider.issuer;
  resolved.allow_loopback_http = provider.allow_loopback_http;
  if (document == nullptr || provider.metadata_mode == MetadataMode::fixed) {
    resolved.endpoints = provider.endpoints;
    return resolved;
  }
  resolved.endpoints = document->endpoints;
  if (uses_certificate(provider)) resolved.endpoints = laid_over(document->mtls_endpoints, resolved.endpoints);
  if (provider.metadata_mode == MetadataMode::hybrid) {
    resolved.endpoints = laid_over(provider.endpoints, resolved.endpoints);
  }
  resolved.documented = true;
  resolved.iss_parameter_supported = document->iss_parameter_supported;
  resolved.token_auth_methods = document->token_auth_methods;
  resolved.token_auth_algorithms = document->token_auth_algorithms;
  resolved.code_challenge_methods = document->code_challenge_methods;
  resolved.id_token_algorithms = document->id_token_algorithms;
  resolved.jwks_rule = address_rule_for(provider, resolved.endpoints.jwks);
  return resolved;
}

std::vector<MovedEndpoint> moved_endpoints(const ServerMetadata& before, const ServerMetadata& now) {
  std::vector<MovedEndpoint> moved;
  for (const auto& [member, endpoint] : endpoint_names) {
    const std::string from = origin_of(before.last_named.*endpoint);
    const std::string to = origin_of(now.endpoints.*endpoint);
    if (!from.empty() && !to.empty() && from != to) moved.push_back({member, from, to});
  }
  return moved;
}

}  // namespace evergrant
