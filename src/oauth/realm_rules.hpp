// The decisions of a realm's proof, apart from its calls: where the realm stands, what a call asks, what its answer means.
// Pure.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "model/registration.hpp"
#include "model/token_set.hpp"
#include "net/http.hpp"
#include "oauth/realm_proof.hpp"

namespace evergrant {

// 1 to 500 characters of text, and no dot segment. Errors: invalid_argument.
[[nodiscard]] Result<RealmId> checked_realm(std::string_view text);
// True where the granted scope is not one that a realm comes with.
[[nodiscard]] bool comes_without_realm(const Registration& registration, const TokenSet& tokens);
// The realm as the callback, the token answer, the validated ID token or UserInfo has it. Errors: invalid_argument.
[[nodiscard]] Result<RealmId> claimed_realm(const Registration& registration, const TokenSet& tokens,
                                            const RealmClues& clues);
// From the list of accounts. Errors: forbidden, invalid_argument.
[[nodiscard]] Result<RealmId> listed_realm(const Registration& registration, const boost::json::value& answer);
// A GET with the new access token, in the provider's way. `realm` stands for {realm} in the URL and in extra headers.
// Errors: invalid_argument (the URL), forbidden (the realm would choose the host).
[[nodiscard]] Result<OutboundRequest> build_realm_request(const Registration& registration, std::string_view url,
                                                          const TokenSet& tokens, const RealmClues& clues,
                                                          std::string_view realm);
// 200, or what the status means. Errors: forbidden, provider_unavailable, provider_rejected.
[[nodiscard]] Result<> judge_realm_answer(const Result<HttpResponse>& response);
// verify_member. Errors: forbidden.
[[nodiscard]] Result<> compare_verified(const Registration& registration, const RealmId& realm, const HttpResponse& answer);
// id_token_claim. Errors: forbidden. True if there was something to compare with.
[[nodiscard]] Result<bool> compare_claim(const Registration& registration, const RealmId& realm, const RealmClues& clues);

}  // namespace evergrant
