// What can go wrong, as values: `Result<T>` is a value or an `Error`. Values; thread-safe as such.
//
// Exceptions mean a bug, or that memory ran out.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace evergrant {

// The kind of an error: what to do about it hangs on this alone.
enum class Errc : std::uint8_t {
  invalid_argument,      // the caller's input is wrong: what, where, how to mend
  unauthenticated,       // no or unknown credentials
  forbidden,             // the caller's policy does not allow this
  not_found,             // no such thing, or not visible to this caller
  conflict,              // the state of things forbids it (realm of another tenant, key reused …)
  gone,                  // it existed and is used up, expired or revoked
  too_large,             // a size or depth limit was met
  rate_limited,          // too many; try later
  reauth_required,       // the customer must connect again; only the provider's terminal answer leads here
  revoked,               // the connection is being revoked or is revoked
  quarantined,           // held until an operator releases it
  registration_paused,   // the provider refuses our client; an operator must mend it
  provider_unavailable,  // the provider cannot be reached or answers with a transient error
  provider_rejected,     // the provider answered a definite error that concerns this request only
  ambiguous,             // sent, and no answer was read: nobody knows what the provider did
  stale,                 // compare-and-swap lost: generation or fence is no longer current
  busy,                  // someone else holds the lease
  deadline_exceeded,     // the caller's own deadline passed first
  sealed_broken,         // a ciphertext did not open: wrong key, moved, altered (one face for all of these)
  key_unavailable,       // the KEK or a key under it cannot be had
  store_unavailable,     // the store refuses or fails
  unsupported,           // known, and not offered here
  insufficient_scope,    // the provider asks for more than the customer has granted
  internal,              // a bug
};

[[nodiscard]] std::string_view to_string(Errc code) noexcept;

// True where the same call may succeed later without anybody changing anything.
[[nodiscard]] bool is_retryable(Errc code) noexcept;

// `message` says what went wrong and where; `hint` how to mend it. Neither ever contains a secret.
struct Error {
  Errc code = Errc::internal;
  std::string message;
  std::string hint;
  std::string check = {};  // of a token: which of its checks failed ("aud", "signature" …)

  bool operator==(const Error&) const = default;
};

template <class T = void>
using Result = std::expected<T, Error>;

}  // namespace evergrant
