// Telling a provider to revoke (RFC 7009 and its relatives, REV-01 to REV-04).
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/task.hpp"
#include "model/registration.hpp"
#include "net/http.hpp"
#include "oauth/client_assertion.hpp"

namespace evergrant {

enum class RevocationOutcome : std::uint8_t {
  revoked,      // 2xx
  assumed,      // the token was dead already
  unsupported,  // the provider has no way to revoke: nothing to tell
  try_again,    // network, 5xx, 429, an operator fault: later
};

struct RevocationVerdict {
  RevocationOutcome outcome = RevocationOutcome::try_again;
  std::optional<Duration> retry_after;
  std::string detail;  // printable: status and code
  std::string correlation;
};

enum class TokenKind : std::uint8_t { refresh, access };

// Pure: one request for one token, in the profile's style. Errors: unsupported (style none, endpoint missing, an assertion
// where there is no body for it); those of `authenticate_client`.
[[nodiscard]] Result<OutboundRequest> build_revocation(const Registration& registration, const std::string& revoke_url,
                                                       const Secret& token, TokenKind kind,
                                                       const AssertionFacts& facts = {});
[[nodiscard]] RevocationVerdict judge_revocation(const HttpResponse& response, const Provider& provider, Time now);

struct RevocationUrls {
  std::string revoke;
  std::string token;  // of the same server: whom an assertion is for, where the profile says so
};

class RevocationEndpoint {
 public:
  RevocationEndpoint(HttpTransport& transport, Clock& clock, Random& random);
  // Tells the provider about both tokens in the profile's order; the second only where one does not end the whole grant.
  // Sending a revocation twice is harmless, so any failure is `try_again`.
  Task<RevocationVerdict> revoke(const Registration& registration, RevocationUrls urls, std::optional<Secret> refresh_token,
                                 std::optional<Secret> access_token);

 private:
  Task<RevocationVerdict> send(const Registration& registration, const RevocationUrls& urls, Secret token, TokenKind kind);
  HttpTransport& transport_;
  Clock& clock_;
  Random& random_;
};

}  // namespace evergrant
