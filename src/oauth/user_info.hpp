// UserInfo (OpenID Connect Core 5.3): what the provider says about the user, asked with the access token in the header. It
// comes as JSON or, signed, as a JWT; it must speak of the user of the ID token, and is data to show, never to trust (5.7).
// Aggregated and distributed claims (5.6.2) are not followed. The decisions are pure; `fetch_user_info` runs where its
// directory lives.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <string>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "base/task.hpp"
#include "model/registration.hpp"
#include "model/token_set.hpp"
#include "net/http.hpp"
#include "oauth/id_token.hpp"
#include "oauth/metadata.hpp"

namespace evergrant {

// What of an ID token was checked and kept.
struct KnownUser {
  std::string subject;  // empty: there was no ID token
  std::map<std::string, std::string> claims;
};

// True where the flow must ask: the realm is found there, or a claim that the registration keeps was not in the ID token.
// For claims alone an OpenID provider is not asked where no ID token says whom the answer must be about.
[[nodiscard]] bool needs_user_info(const Registration& registration, const ResolvedProvider& resolved,
                                   const TokenSet& tokens, const KnownUser& user);

struct UserInfoQuestion {
  std::string url;  // its hosts filled in
  Secret access_token;
  std::string realm;    // for headers that the profile asks for
  std::string subject;  // of the ID token; empty: none is known
  Time now;
};

// Errors: unauthenticated (the provider refuses the access token), forbidden (it speaks of another user, or its signature,
// issuer or audience is wrong: nothing of it may be used), provider_unavailable, provider_rejected, unsupported (no
// endpoint; encrypted). `registration`, `transport` and `directory` outlive the engine.
Task<Result<boost::json::object>> fetch_user_info(HttpTransport& transport, ProviderDirectory& directory,
                                                  const Registration& registration, ResolvedProvider resolved,
                                                  UserInfoQuestion question);

// The answer's status. Errors: unauthenticated, provider_unavailable, provider_rejected.
[[nodiscard]] Result<> judge_user_info_answer(const Result<HttpResponse>& response);
// UI-01. Errors: forbidden.
[[nodiscard]] Result<> check_user_info_subject(const boost::json::object& info, const std::string& subject);
// UI-03: what a JWT says of itself, its signature known to be good; `iss` and `aud` must be there. Errors: forbidden.
[[nodiscard]] Result<boost::json::object> check_signed_user_info(std::string_view payload, std::string_view typ,
                                                                 const IdTokenExpectation& expectation);

// The registration's claims, as text that can be shown: of the ID token, and where that has none of UserInfo.
[[nodiscard]] std::map<std::string, std::string> kept_claims(const Registration& registration, const KnownUser& user,
                                                             const boost::json::object& info);

}  // namespace evergrant
