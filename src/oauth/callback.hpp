// Reading the authorization response (RFC 6749 4.1.2, RFC 9207). Pure: what it means is decided here, before anything is
// sent.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "model/registration.hpp"

namespace evergrant {

enum class CallbackOutcome : std::uint8_t { code, cancelled, retryable, refused };

struct Callback {
  CallbackOutcome outcome = CallbackOutcome::refused;
  std::string state;
  Secret code;
  std::string error;                          // the provider's code, printable
  std::string error_description;              // printable, cut; untrusted text
  std::map<std::string, std::string> extras;  // profile-listed only: realmId, location …
  std::optional<std::string> iss;
};

// Size caps, duplicates (CB-02), missing state, the provider's own signature over the query (CB-13, keyed with the client
// secret). Errors: invalid_argument.
[[nodiscard]] Result<Callback> read_callback(std::string_view query, const Registration& registration);

// CB-06 to CB-08: exact comparison with the issuer recorded when the flow began; `supported`: the metadata promises `iss`.
// Errors: invalid_argument (do not act on, or show, anything else of this callback).
[[nodiscard]] Result<> check_callback_issuer(const Callback& callback, std::string_view expected_issuer, IssParameter rule,
                                             bool supported);

}  // namespace evergrant
