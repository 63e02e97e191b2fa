// ID tokens (OpenID Connect Core 3.1.3.7): the signature is always verified, though the code flow over TLS would let a
// client skip it. Checked once, then only the claims that are needed are kept; the token itself is never stored (IDT-18).
// The checks are pure; `validate_id_token` runs where its directory lives. Errors name the check that failed:
// forbidden (it is about somebody else, or for somebody else: iss, aud, azp, sub, nonce, realm), provider_rejected (any
// other check), invalid_argument (not an acceptable JWS), sealed_broken (the signature), unsupported (encrypted), not_found
// (no such key), and the directory's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/task.hpp"
#include "model/registration.hpp"
#include "oauth/metadata.hpp"

namespace evergrant {

struct IdTokenExpectation {
  std::string issuer;  // holds {tenantid} where the rule is tenant_template
  IssuerRule issuer_rule = IssuerRule::exact;
  std::vector<std::string> issuer_alternatives;
  std::string client_id;
  std::vector<std::string> trusted_audiences;  // others that may stand beside ours
  std::string nonce;                           // empty: none was sent
  bool nonce_returned = true;                  // false: the provider may leave it out
  Time now;
  Duration leeway{std::chrono::seconds{60}};
  std::optional<Duration> oldest;       // how long ago it may have been issued
  std::optional<Duration> max_age;      // as asked: how long ago the user may have signed in
  std::vector<std::string> acr_values;  // as asked; empty: any
  Secret access_token;                  // compared with at_hash; empty: there is none
  std::vector<std::string> required_claims;
  std::map<std::string, std::string> required_values;
  std::string realm_claim;               // compared with `realm` where the token has it
  std::optional<std::string> realm;      // nothing: not known yet
  std::vector<std::string> kept_claims;  // given back in `others`
};

struct IdTokenClaims {
  std::string issuer;
  std::string subject;
  std::vector<std::string> audience;
  Time issued_at;
  Time expires_at;
  std::optional<Time> auth_time;
  std::string azp;
  std::string nonce;
  std::optional<std::string> realm;           // the value of the expectation's realm_claim
  std::map<std::string, std::string> others;  // kept_claims that the token has, as text
};

// What the registration and its provider ask for; the caller adds nonce, access token, realm and what it asked for.
[[nodiscard]] IdTokenExpectation id_token_expectation(const Registration& registration, const ResolvedProvider& resolved,
                                                      Time now);

// The claims of a token whose signature is already known to be good; `alg` and `typ` are those of its header.
[[nodiscard]] Result<IdTokenClaims> check_id_token_claims(std::string_view payload, std::string_view alg,
                                                          std::string_view typ, const IdTokenExpectation& expectation);

// Verifies the signature with the provider's keys (once more with fresh ones where the key is unknown), or with the client
// secret where the profile allows HS*, then the claims. `registration` and `directory` outlive the engine.
Task<Result<IdTokenClaims>> validate_id_token(Secret id_token, const Registration& registration, ResolvedProvider resolved,
                                              IdTokenExpectation expectation, ProviderDirectory& directory);

// What the ID token of the sign-in said.
struct FirstSignIn {
  std::string_view issuer;
  std::string_view subject;
  std::string_view nonce_sha256;  // hex; empty: it had no nonce, or it is not known
  std::optional<Time> at;         // its auth_time
};

// REF-17 (OpenID Connect Core 12.2): an ID token that came with a refresh is about the same sign-in. Errors: forbidden where
// it is about another user, issuer or sign-in (iss, sub, nonce); provider_rejected where its auth_time is another one, which
// providers let happen when the user signs in again.
[[nodiscard]] Result<> check_refreshed_id_token(const IdTokenClaims& claims, const FirstSignIn& first,
                                                const Provider& provider);

}  // namespace evergrant
