// The realm is proven before it keys anything (CB-11): the callback's realmId is an unauthenticated query parameter.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <optional>
#include <string>

#include "base/task.hpp"
#include "model/registration.hpp"
#include "model/token_set.hpp"
#include "net/http.hpp"

namespace evergrant {

struct RealmClues {
  std::map<std::string, std::string> callback_extras;
  std::map<std::string, std::string> id_token_claims;  // of a validated ID token; empty: there was none
  std::string subject;
  std::optional<boost::json::object> user_info;  // checked (oauth/user_info.hpp); nothing: it was not asked
};

class RealmProof {
 public:
  explicit RealmProof(HttpTransport& transport);
  // The realm that these tokens really belong to, by the profile's rule: verified by a call with the new access token, taken
  // from the token answer, the validated ID token or UserInfo. Source `none`: an empty realm (the connection's id stands for
  // it). Errors: forbidden (the proof failed: nothing may be stored), provider_unavailable, provider_rejected,
  // invalid_argument (no realm).
  Task<Result<RealmId>> prove(const Registration& registration, const TokenSet& tokens, RealmClues clues);

 private:
  Task<Result<RealmId>> find(const Registration& registration, const TokenSet& tokens, const RealmClues& clues);
  Task<Result<HttpResponse>> get(const Registration& registration, std::string url, const TokenSet& tokens,
                                 const RealmClues& clues, std::string realm);
  HttpTransport& transport_;
};

}  // namespace evergrant
