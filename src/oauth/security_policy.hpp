// What a registration's `security` requires beside what always holds. baseline: what the profile says, no less than the
// rules that nobody can switch off. strict: every defence that RFC 9700 recommends to a client and that a provider can be
// asked for. (A later level for the FAPI 2.0 Security Profile adds to these.) Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/registration.hpp"
#include "oauth/server_metadata.hpp"

namespace evergrant {

[[nodiscard]] std::string_view to_string(SecurityLevel level) noexcept;

// Demands of the provider what the level asks, as far as that is ours to demand: PKCE and nonce insisted on, the callback's
// `iss` enforced, endpoints held where they are.
void tighten(Provider& provider, SecurityLevel level);

struct Shortfall {
  std::string what;  // "authorize.pkce is \"omit\""
  std::string why;   // and where it is written
};

// What of the registration falls short of strict, by its profile and configuration alone. At start-up, one that is to be
// strict and has any is refused.
[[nodiscard]] std::vector<Shortfall> shortfalls(const Registration& registration);
// What its provider says of itself that falls short; nothing where it publishes no document.
[[nodiscard]] std::vector<Shortfall> shortfalls(const Registration& registration, const ResolvedProvider& resolved);

// The method as RFC 8414 and the registry of RFC 7591 call it: "client_secret_basic".
[[nodiscard]] std::string_view method_name(ClientAuth method) noexcept;

// CA-04: the document does not list how our client proves itself. Told, not refused: what a provider takes and what it
// writes down are two things.
[[nodiscard]] std::optional<Shortfall> unlisted_proof(const Registration& registration, const ResolvedProvider& resolved);

// CA-08: the client proves itself by a secret that the provider holds too, and the provider would take a key.
[[nodiscard]] bool could_use_a_key(const Registration& registration, const ResolvedProvider& resolved);

// Before a customer is sent to the provider. Errors: provider_rejected (the registration is strict and the provider falls
// short, or its profile insists on PKCE and the document does not have it: AUTH-07).
[[nodiscard]] Result<> check_provider(const Registration& registration, const ResolvedProvider& resolved);

// "what (why)", for messages.
[[nodiscard]] std::string to_text(const Shortfall& shortfall);

}  // namespace evergrant
