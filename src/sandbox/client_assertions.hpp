// Clients' assertions, verified as a strict authorization server does (RFC 7523 3, OpenID Connect Core 9): one audience, a
// short life, a jti that never came before, a key of the client's set. Sets behind a jwks_uri are kept for as long as their
// answer said and not a moment less: a key that is not in the kept set is refused, so that it shows who signs with a key
// before it was published. Not synchronised: the Sandbox guards it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "crypto/jose.hpp"
#include "net/http.hpp"
#include "sandbox/options.hpp"

namespace evergrant {

class ClientAssertions {
 public:
  // An assertion is as old as it is, however far the sandbox's own clock was moved: `base` judges it.
  explicit ClientAssertions(const Clock& base) : base_{base} {}

  // Why this form does not prove that the client sent it; empty: it does. A good one's jti is used up.
  [[nodiscard]] std::string fault_of(const Parameters& form, const SandboxClient& client, const std::string& audience);

  // Whether the client's jwks_uri must be asked before an assertion of its can be judged. `now`: the sandbox's own.
  [[nodiscard]] bool needs_keys(const SandboxClient& client, Time now) const;
  // What it answered, or that it did not.
  void keep_keys(const SandboxClient& client, const Result<HttpResponse>& answer, Time now);
  void clear();

 private:
  struct Kept {
    std::string uri;
    std::shared_ptr<const JwkSet> keys;
    Time until;
  };
  [[nodiscard]] Result<std::string> claims_in(const std::string& assertion, const SandboxClient& client) const;
  [[nodiscard]] std::string use_up(const std::string& client_id, const std::string& jti, Time until);

  const Clock& base_;
  std::map<std::string, Kept> kept_;                    // by client
  std::map<std::string, Time, std::less<>> used_jtis_;  // until when they could come again
};

// The kid of the form's assertion, unverified; empty without one.
[[nodiscard]] std::string assertion_kid(const Parameters& form);

}  // namespace evergrant
