// Our client at a provider, from the configuration. Immutable after start-up; shared between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/secret.hpp"
#include "model/provider.hpp"

namespace evergrant {

struct ClientSecret {
  Secret value;
  std::optional<Time> expires_at;  // CA-13: warned about ahead of time
};

// While a key is replaced there are two of them: `next` is published and not used, `previous` published still (JWK-07).
enum class ClientKeyRole : std::uint8_t { current, next, previous };

struct ClientKey {
  ClientKeyRole role = ClientKeyRole::current;
  std::string kid;
  std::string algorithm;   // ES256, PS256, EdDSA, RS256
  std::string public_jwk;  // JSON
  Secret pem;              // PKCS#8; read for each signature, so that no open copy stays in the memory of a library
};

// What is required of a provider and of our client there, beside what always is (oauth/security_policy.hpp).
enum class SecurityLevel : std::uint8_t { baseline, strict };

struct Registration {
  RegistrationId id;
  Provider provider;  // with its environment and the configuration's overrides applied
  std::string client_id;
  std::vector<ClientSecret>
      client_secrets;                    // newest first; the next is tried on invalid_client (CA-11); empty: public client
  std::vector<ClientKey> client_keys;    // private_key_jwt: one is current; empty: the client has none
  std::string redirect_uri;              // <public_url>/callback/<id>, exact
  std::vector<std::string> scopes;       // a caller may narrow, never widen (AUTH-13)
  std::vector<std::string> return_urls;  // allow-list: exact origin and path prefix ending in '/', or an exact URL (AUTH-12)
  std::vector<std::string> claims;       // of the ID token or of UserInfo, kept with the connection to be shown
  SecurityLevel security = SecurityLevel::baseline;
  bool keepalive = true;
  // How long before a refresh token's end the customer's way back is announced, longest first; none: only the passed end.
  std::vector<Duration> notices{std::chrono::days{30}, std::chrono::days{7}, std::chrono::days{1}};
};

// How a message begins that is about one of them: "registration 'books': ".
[[nodiscard]] std::string in_message(const Registration& registration);
// What an operator looks at where the provider refuses our client: "client_id and client_secret", or the key.
[[nodiscard]] std::string what_proves_client(const Registration& registration);

// All registrations. Non-movable, so that references into it stay good.
class Registrations {
 public:
  explicit Registrations(std::vector<Registration> all);
  Registrations(const Registrations&) = delete;
  Registrations& operator=(const Registrations&) = delete;

  [[nodiscard]] const Registration* find(const RegistrationId& id) const;
  [[nodiscard]] const std::vector<Registration>& all() const noexcept { return all_; }

 private:
  std::vector<Registration> all_;
};

}  // namespace evergrant
