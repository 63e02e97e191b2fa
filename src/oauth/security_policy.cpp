#include "oauth/security_policy.hpp"

#include <algorithm>
#include <array>

#include "base/contains.hpp"
#include "base/encoding.hpp"
#include "oauth/client_assertion.hpp"
#include "oauth/client_keys.hpp"

namespace evergrant {
namespace {

bool is_shared_secret(const std::string& algorithm) { return algorithm.starts_with("HS"); }

bool asks_for_id_token(const Registration& registration) { return contains(registration.scopes, "openid"); }

bool uses_shared_secrets(const Registration& registration) {
  return std::ranges::any_of(registration.provider.id_token.algorithms, is_shared_secret);
}

// Only a document can promise it, or the profile's author.
bool may_lack_issuer(const Registration& registration) {
  const Provider& provider = registration.provider;
  return !provider.issuer.empty() && provider.metadata_mode == MetadataMode::fixed &&
         provider.authorize.iss != IssParameter::enforce;
}

bool sends_tokens_in_urls(const Registration& registration) {
  return registration.provider.revoke.style == RevokeStyle::query ||
         registration.provider.endpoints.revoke.contains("{token}");
}

bool signs_with_rs256(const Registration& registration) {
  return std::ranges::any_of(registration.client_keys, [](const ClientKey& one) { return one.algorithm == "RS256"; });
}

bool addresses_endpoint(const Registration& registration) {
  const TokenProfile& profile = registration.provider.token;
  return proves_by_assertion(profile.client_auth) && profile.assertion_audience == AssertionAudience::token_endpoint;
}

struct Rule {
  bool (*falls_short)(const Registration& registration);
  std::string_view what;
  std::string_view why;
};

constexpr std::array rules{
    Rule{[](const Registration& r) { return r.provider.issuer.empty(); }, "the provider has no issuer",
         "without one, answers of different providers cannot be told apart: RFC 9700 4.4, RFC 9207"},
    Rule{may_lack_issuer, R"(nothing says that the provider sends `iss` (authorize.iss = "enforce" would))",
         "every answer without it would be refused: RFC 9207"},
    Rule{[](const Registration& r) { return r.provider.authorize.pkce == Presence::omit; }, R"(authorize.pkce is "omit")",
         "a stolen code could be redeemed: RFC 9700 2.1.1"},
    Rule{[](const Registration& r) { return r.provider.token.client_auth == ClientAuth::none; },
         R"(token.client_auth is "none")", "whoever has a refresh token could use it: RFC 9700 2.5 and 2.2.2"},
    Rule{[](const Registration& r) { return asks_for_id_token(r) && r.provider.authorize.nonce == Presence::omit; },
         R"(authorize.nonce is "omit")", "an ID token could be replayed: OpenID Connect Core 15.5.2"},
    Rule{[](const Registration& r) { return asks_for_id_token(r) && !r.provider.id_token.nonce_returned; },
         "id_token.nonce_returned is false", "an ID token could be replayed: OpenID Connect Core 3.1.3.7"},
    Rule{[](const Registration& r) { return asks_for_id_token(r) && uses_shared_secrets(r); },
         "id_token.algorithms has shared secrets (HS*)", "whoever has the client secret could make ID tokens: RFC 8725 3.5"},
    Rule{signs_with_rs256, "a client_key is for RS256",
         "its padding is not approved any more: FAPI 2.0 Security Profile 5.4, OWASP ASVS appendix C"},
    Rule{addresses_endpoint, R"(token.assertion_audience is "token_endpoint")",
         "a server that names another's endpoint could use the assertion there: FAPI 2.0 Security Profile 5.3.3.1"},
    Rule{sends_tokens_in_urls, "the provider takes tokens to revoke in the URL only", "URLs stand in logs: RFC 9700 4.3.2"},
};

// A list that the document leaves out says nothing.
bool names_none_of(const std::vector<std::string>& offered, const std::vector<std::string>& wanted) {
  return !offered.empty() && std::ranges::none_of(wanted, [&](const std::string& one) { return contains(offered, one); });
}

// Empty: nothing is signed, or nobody knows with what.
std::string assertion_algorithm(const Registration& registration) {
  if (registration.provider.token.client_auth == ClientAuth::secret_jwt) return "HS256";
  const ClientKey* key = signing_key_of(registration);
  return key == nullptr ? std::string{} : key->algorithm;
}

bool lacks_pkce(const ResolvedProvider& resolved) {
  return resolved.documented && !contains(resolved.code_challenge_methods, "S256");
}

Shortfall no_pkce() {
  return {"the provider's document does not name S256 for PKCE", "a stolen code could be redeemed: RFC 9700 2.1.1"};
}

}  // namespace

std::string_view method_name(ClientAuth method) noexcept {
  switch (method) {
    case ClientAuth::basic: return "client_secret_basic";
    case ClientAuth::post: return "client_secret_post";
    case ClientAuth::none: return "none";
    case ClientAuth::private_key_jwt: return "private_key_jwt";
    case ClientAuth::secret_jwt: return "client_secret_jwt";
    case ClientAuth::tls: return "tls_client_auth";
    case ClientAuth::self_signed_tls: return "self_signed_tls_client_auth";
  }
  return {};
}

std::optional<Shortfall> unlisted_proof(const Registration& registration, const ResolvedProvider& resolved) {
  const std::string method{method_name(registration.provider.token.client_auth)};
  if (names_none_of(resolved.token_auth_methods, {method})) {
    return Shortfall{"the provider's document does not name " + method + " for its token endpoint",
                     "it would refuse our client: RFC 8414 2"};
  }
  const std::string algorithm = assertion_algorithm(registration);
  if (algorithm.empty() || !names_none_of(resolved.token_auth_algorithms, {algorithm})) return std::nullopt;
  return Shortfall{"the provider's document does not name " + algorithm + " for assertions of clients (" +
                       join(resolved.token_auth_algorithms, ", ") + ")",
                   "it would refuse our client: RFC 8414 2"};
}

bool could_use_a_key(const Registration& registration, const ResolvedProvider& resolved) {
  const ClientAuth method = registration.provider.token.client_auth;
  const bool shared = method == ClientAuth::basic || method == ClientAuth::post || method == ClientAuth::secret_jwt;
  return shared && contains(resolved.token_auth_methods, "private_key_jwt");
}

std::string_view to_string(SecurityLevel level) noexcept { return level == SecurityLevel::strict ? "strict" : "baseline"; }

void tighten(Provider& provider, SecurityLevel level) {
  if (level != SecurityLevel::strict) return;
  AuthorizeProfile& authorize = provider.authorize;
  authorize.iss = IssParameter::enforce;
  if (authorize.pkce == Presence::send) authorize.pkce = Presence::require;
  if (authorize.nonce == Presence::send) authorize.nonce = Presence::require;
  provider.holds_endpoints = true;
}

std::vector<Shortfall> shortfalls(const Registration& registration) {
  std::vector<Shortfall> found;
  for (const auto& [falls_short, what, why] : rules) {
    if (falls_short(registration)) found.push_back({std::string{what}, std::string{why}});
  }
  return found;
}

std::vector<Shortfall> shortfalls(const Registration& registration, const ResolvedProvider& resolved) {
  if (!resolved.documented) return {};
  std::vector<Shortfall> found;
  if (!resolved.iss_parameter_supported) {
    found.push_back({"the provider's document does not promise `iss` in its answers",
                     "answers of different providers cannot be told apart: RFC 9207"});
  }
  if (lacks_pkce(resolved)) found.push_back(no_pkce());
  const auto& algorithms = registration.provider.id_token.algorithms;
  if (asks_for_id_token(registration) && names_none_of(resolved.id_token_algorithms, algorithms)) {
    found.push_back({"the provider's document names none of id_token.algorithms (" + join(algorithms, ", ") + ")",
                     "its ID tokens would be refused: OpenID Connect Core 3.1.3.7"});
  }
  return found;
}

Result<> check_provider(const Registration& registration, const ResolvedProvider& resolved) {
  std::vector<Shortfall> found;
  const bool insists =
      registration.security == SecurityLevel::strict || registration.provider.authorize.pkce == Presence::require;
  if (insists && resolved.document_missing) {
    return fail(
        Errc::provider_unavailable,
        in_message(registration) + "the provider's document cannot be had, so nobody knows whether it is safe enough",
        "it is asked for again by itself; `evergrant doctor` says how it answers");
  }
  if (registration.security == SecurityLevel::strict) {
    found = shortfalls(registration, resolved);
  } else if (registration.provider.authorize.pkce == Presence::require && lacks_pkce(resolved)) {
    found = {no_pkce()};
  }
  if (found.empty()) return {};
  return fail(Errc::provider_rejected, in_message(registration) + to_text(found.front()),
              R"(ask the provider for it, or set security = "baseline" and authorize.pkce = "send")");
}

std::string to_text(const Shortfall& shortfall) { return shortfall.what + " (" + shortfall.why + ")"; }

}  // namespace evergrant
