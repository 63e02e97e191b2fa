#include <array>
#include <boost/json/serialize.hpp>
#include <span>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "crypto/jose.hpp"
#include "crypto/strict_json.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::size_t max_key_depth = 8;

// In the order of RFC 7638 3.3. Empty for another kty, oct among them: the digest of a secret is no name for it.
std::span<const std::string_view> required_members(std::string_view kty) {
  static constexpr std::array<std::string_view, 4> ec{"crv", "kty", "x", "y"};
  static constexpr std::array<std::string_view, 3> okp{"crv", "kty", "x"};
  static constexpr std::array<std::string_view, 3> rsa{"e", "kty", "n"};
  if (kty == "EC") return ec;
  if (kty == "OKP") return okp;
  if (kty == "RSA") return rsa;
  return {};
}

}  // namespace

Result<std::string> jwk_thumbprint(std::string_view jwk) {
  const auto object = parse_strict_object(jwk, max_key_depth);
  if (!object) return std::unexpected(object.error());
  const auto names = required_members(string_member(*object, "kty").value_or(""));
  if (names.empty()) return fail(Errc::invalid_argument, "a thumbprint is of an EC, OKP or RSA key");
  std::string text;
  for (const std::string_view name : names) {
    const auto value = string_member(*object, name);
    if (!value) return fail(Errc::invalid_argument, "the key has no " + std::string{name});
    text += (text.empty() ? "{\"" : ",\"") + std::string{name} + "\":" + json::serialize(json::string{*value});
  }
  return base64url_encode(sha256(text + "}"));
}

}  // namespace evergrant
