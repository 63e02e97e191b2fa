#include "oauth/client_keys.hpp"

#include <algorithm>

#include "crypto/jose.hpp"
#include "crypto/strict_json.hpp"

namespace evergrant {

std::string_view field_of(ClientKeyRole role) noexcept {
  switch (role) {
    case ClientKeyRole::current: return "client_key";
    case ClientKeyRole::next: return "next_client_key";
    case ClientKeyRole::previous: return "previous_client_key";
  }
  return {};
}

Result<ClientKey> read_client_key(ClientKeyRole role, std::string_view algorithm, std::string kid, Secret pem) {
  auto key = SigningKey::from_pem(algorithm, kid, pem);
  if (!key) return std::unexpected(key.error());
  const auto jwk = parse_strict_object(key->public_jwk(), 1);
  if (jwk && string_member(*jwk, "crv") == "Ed448") {
    return fail(Errc::invalid_argument, "the private key is an Ed448 key",
                "EdDSA takes an Ed25519 key: FAPI 2.0 Security Profile 5.4.1");
  }
  if (kid.empty()) {
    auto thumbprint = jwk_thumbprint(key->public_jwk());
    if (!thumbprint) return std::unexpected(thumbprint.error());
    kid = std::move(*thumbprint);
    key = SigningKey::from_pem(algorithm, kid, pem);
    if (!key) return std::unexpected(key.error());
  }
  return ClientKey{.role = role,
                   .kid = std::move(kid),
                   .algorithm = std::string{algorithm},
                   .public_jwk = key->public_jwk(),
                   .pem = std::move(pem)};
}

const ClientKey* signing_key_of(const Registration& registration) noexcept {
  const auto found = std::ranges::find(registration.client_keys, ClientKeyRole::current, &ClientKey::role);
  return found == registration.client_keys.end() ? nullptr : &*found;
}

Result<std::string> sign_with(const ClientKey& key, std::string_view payload, std::string_view typ) {
  const auto opened = SigningKey::from_pem(key.algorithm, key.kid, key.pem);
  if (!opened) return std::unexpected(opened.error());
  return opened->sign(payload, typ);
}

std::optional<std::string> public_key_set(const Registration& registration) {
  if (registration.client_keys.empty()) return std::nullopt;
  std::string keys;
  for (const ClientKey& one : registration.client_keys) keys += (keys.empty() ? "" : ",") + one.public_jwk;
  return R"({"keys":[)" + keys + "]}";
}

}  // namespace evergrant
