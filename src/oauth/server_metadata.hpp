// What a provider says about itself (RFC 8414, OpenID Connect Discovery 1.0), and how that and the profile make the
// endpoints that are used. Pure; thread-safe. Errors: provider_rejected (the document cannot be used: which member, why).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/provider.hpp"
#include "net/http.hpp"

namespace evergrant {

struct ServerMetadata {
  std::string issuer;
  Endpoints endpoints;
  Endpoints last_named;      // with those that an earlier document of this provider named and this one does not
  Endpoints mtls_endpoints;  // mtls_endpoint_aliases (RFC 8705 5)
  bool iss_parameter_supported = false;
  // Where the document is silent, what RFC 8414 section 2 says that silence means.
  std::vector<std::string> token_auth_methods{"client_secret_basic"};
  std::vector<std::string> token_auth_algorithms;  // of assertions; empty: it does not say
  std::vector<std::string> response_modes{"query", "fragment"};
  std::vector<std::string> grant_types{"authorization_code", "implicit"};
  std::vector<std::string> code_challenge_methods;  // empty: PKCE is not advertised
  std::vector<std::string> id_token_algorithms;
};

// What one connection's flow needs to know of its provider.
struct ResolvedProvider {
  Endpoints endpoints;            // may hold {name} of the profile's host variables
  std::string issuer;             // the pinned one; empty for plain OAuth
  bool document_missing = false;  // it publishes one that cannot be had now: only what the profile says is known
  bool documented = false;        // it publishes a document: what follows is what that says
  bool iss_parameter_supported = false;
  std::vector<std::string> token_auth_methods;
  std::vector<std::string> token_auth_algorithms;
  std::vector<std::string> code_challenge_methods;
  std::vector<std::string> id_token_algorithms;
  AddressRule jwks_rule = AddressRule::configured;  // remote: the key set's URL is a document's, on another origin
  bool allow_loopback_http = false;
};

// META-09. What is beside a URL that the profile or the configuration names is as trusted as that; any other endpoint is a
// stranger's URL, which a document supplied, and may not lead into a private network.
[[nodiscard]] AddressRule address_rule_for(const Provider& provider, std::string_view url);

// Nothing of a document is used unless its issuer is exactly `pinned_issuer` (META-01), and every endpoint it names is an
// absolute https URL without fragment (META-03; plain http on loopback where allowed).
[[nodiscard]] Result<ServerMetadata> parse_metadata(std::string_view text, std::string_view pinned_issuer,
                                                    bool allow_loopback_http);

// Where the document of an issuer can be (RFC 8414 3.1 and 5, Discovery 4.1). For an issuer without path the second and
// third are the same.
struct WellKnownUrls {
  std::string oauth_inserted;  // https://host/.well-known/oauth-authorization-server/path
  std::string oidc_inserted;   // https://host/.well-known/openid-configuration/path
  std::string oidc_appended;   // https://host/path/.well-known/openid-configuration
};
[[nodiscard]] WellKnownUrls well_known_urls(std::string_view issuer);

// In the order in which they are tried: the profile's metadata_url alone, or the forms above, most usual first.
[[nodiscard]] std::vector<std::string> metadata_urls(const Provider& provider);

// `above` where it names an endpoint, else `below`.
[[nodiscard]] Endpoints laid_over(const Endpoints& above, const Endpoints& below);

// The profile alone (metadata_mode fixed), the document, or the document under what the profile names (hybrid).
// `document` may be null for fixed and hybrid. Clients that authenticate by certificate get the mtls aliases (META-08).
[[nodiscard]] ResolvedProvider resolve_provider(const Provider& provider, const ServerMetadata* document);

struct MovedEndpoint {
  std::string_view name;
  std::string from;
  std::string to;
};
// Endpoints whose origin differs (META-05).
[[nodiscard]] std::vector<MovedEndpoint> moved_endpoints(const ServerMetadata& before, const ServerMetadata& now);

}  // namespace evergrant
