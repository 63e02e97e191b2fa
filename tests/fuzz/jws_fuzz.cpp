#include <algorithm>

#include "crypto/jose.hpp"
#include "fuzz/fuzz.hpp"

using namespace evergrant;

namespace {

// The public keys of RFC 7515 A.2 and A.3 and RFC 8037 A.4: nobody can sign with them here, so only what those appendices
// sign may ever verify.
constexpr std::string_view keys_text =
    R"({"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"},)"
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},)"
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";
constexpr std::string_view hmac_key =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
constexpr std::string_view joe =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
constexpr std::string_view ed25519_signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";

const std::vector<std::string>& public_key_algorithms() {
  static const std::vector<std::string> all{"RS256", "RS384", "RS512", "PS256",  "PS384", "PS512",
                                            "ES256", "ES384", "ES512", "ES256K", "EdDSA"};
  return all;
}

bool is_published(std::string_view signed_part) {
  const std::array known{"eyJhbGciOiJSUzI1NiJ9." + std::string{joe}, "eyJhbGciOiJFUzI1NiJ9." + std::string{joe},
                         std::string{ed25519_signed}};
  return std::ranges::find(known, signed_part) != known.end();
}

void check_public_key(std::string_view compact) {
  static const JwkSet keys = parse_jwk_set(keys_text).value();
  fuzz::demand(keys.keys.size() == 3, "the published keys are read");
  const auto verified = verify_jws(compact, keys, public_key_algorithms());
  if (!verified) return fuzz::demand_sound(verified.error());
  fuzz::demand(is_published(compact.substr(0, compact.rfind('.'))), "a forged signature verifies");
  const auto header = parse_jws_header(compact);
  fuzz::demand(header && header->alg == verified->header.alg, "both readers see one header");
}

void check_shared_secret(std::string_view compact) {
  static const Secret key{base64url_decode(hmac_key).value()};
  const auto verified = verify_jws_hmac(compact, key, {"HS256"});
  if (!verified) return fuzz::demand_sound(verified.error());
  fuzz::demand(compact.substr(0, compact.rfind('.')) == "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + std::string{joe},
               "a forged code verifies");
}

// Our own client assertions: whatever is signed is read back.
void check_round_trip(std::string_view payload) {
  static const Secret other{std::string_view{"0123456789abcdef0123456789abcdef"}};
  const auto compact = sign_jws_hmac("HS256", other, payload, "one", "JWT");
  fuzz::demand(compact.has_value(), "HS256 signs");
  const auto verified = verify_jws_hmac(*compact, other, {"HS256"});
  const bool too_long = compact->size() > 256U * 1024U;
  fuzz::demand(too_long || (verified && verified->payload == payload && verified->header.kid == "one"), "it reads back");
}

}  // namespace

// A token of a provider, whose author may be anybody.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto compact = fuzz::bytes_of(data, size);
  check_public_key(compact);
  check_shared_secret(compact);
  check_round_trip(compact);
  return 0;
}
