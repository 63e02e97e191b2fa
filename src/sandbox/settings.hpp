// What can be switched in the sandbox while it runs. The defaults behave as Intuit's authorization server is known to.
// Plain values; `/control/settings` reads and writes them as JSON.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/provider.hpp"

namespace evergrant {

enum class PkceRule : std::uint8_t { quiet, advertised, required };  // always checked where a challenge was sent

struct SandboxSettings {
  std::string issuer;  // empty: the base URL
  Rotation rotation = Rotation::sometimes;
  Duration rotate_every{std::chrono::hours{24}};  // `sometimes`: the value's age at which the next refresh changes it …
  Duration rotate_jitter{std::chrono::hours{2}};  // … plus a random part of this, drawn when the value is minted
  Duration previous_value_lives{0};               // `sometimes`: how long the value before still works
  Duration grace{std::chrono::minutes{30}};       // `always_with_grace`: the same
  Duration access_lifetime{std::chrono::hours{1}};
  Duration code_lifetime{std::chrono::minutes{5}};
  Duration id_token_lifetime{std::chrono::hours{1}};
  Duration refresh_idle{std::chrono::seconds{8'726'400}};        // 101 days
  Duration refresh_absolute{std::chrono::seconds{157'680'000}};  // five years
  bool refresh_kills_access_token = false;
  bool revocation_ends_realm = true;  // one connection per client and realm: revoking a grant ends its siblings too
  bool bare_invalid_grant = false;    // {"error":"invalid_grant"} without a description
  bool id_token_on_refresh = true;
  bool nonce_returned = true;
  bool iss_parameter = false;  // RFC 9207
  PkceRule pkce = PkceRule::quiet;
  bool auto_consent_by_hint = true;       // login_hint=realm:ID or deny
  std::vector<std::string> extra_scopes;  // accepted beside Intuit's
  int api_per_minute = 0;                 // per realm; 0: no limit; Intuit's is 500
  int api_concurrency = 0;                // per realm; 0: no limit; Intuit's is 10

  bool operator==(const SandboxSettings&) const = default;
};

[[nodiscard]] boost::json::object to_json(const SandboxSettings& settings);
// Changes the fields that are named; durations are seconds. Errors: invalid_argument naming an unknown or ill-typed field;
// then nothing is changed.
[[nodiscard]] Result<> apply(const boost::json::object& changes, SandboxSettings& settings);

[[nodiscard]] std::string_view rotation_name(Rotation rotation) noexcept;
[[nodiscard]] Result<Rotation> rotation_from(std::string_view name);

}  // namespace evergrant
