// Talks to token endpoints. It sends once and judges; whether to send again is the engine's decision, not its own.
// On the engine's executor. Redirects are not followed; the secret is never in a URL.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "model/registration.hpp"
#include "net/http.hpp"
#include "oauth/token_answer.hpp"

namespace evergrant {

// The answer before it is judged: kept durable first (design section 5, step 4).
struct RawTokenAnswer {
  HttpResponse response;
  SentTokenRequest sent;
};

// Serialised for the journal and read back; holds tokens, so it is sealed at once.
[[nodiscard]] Secret to_journal(const RawTokenAnswer& answer);
[[nodiscard]] Result<RawTokenAnswer> from_journal(const Secret& journal);

class TokenEndpoint {
 public:
  TokenEndpoint(HttpTransport& transport, Clock& clock, Random& random);

  // Errors (of the transport): provider_unavailable: nothing was sent; ambiguous: sent, no answer read; invalid_argument:
  // the URL. The next client secret is tried once where the first is answered with invalid_client (CA-11): that answer
  // proves that the provider did not act. An assertion is made anew for each sending.
  Task<Result<RawTokenAnswer>> exchange_code(const Registration& registration, std::string token_url, Secret code,
                                             Secret verifier, std::vector<std::string> scope, Duration timeout);
  // `credential`: the refresh token, or the access token where the profile says that it is exchanged. `pair`: whose, where
  // it is not the main one's. Errors, besides: unsupported, where the profile has no way.
  Task<Result<RawTokenAnswer>> refresh(const Registration& registration, std::string token_url, Secret credential,
                                       std::vector<std::string> granted_scope, Duration timeout, std::string pair = {});

 private:
  Task<Result<RawTokenAnswer>> post(const Registration& registration, std::string url, Parameters parameters,
                                    SentTokenRequest sent, Duration timeout);
  HttpTransport& transport_;
  Clock& clock_;
  Random& random_;
};

}  // namespace evergrant
