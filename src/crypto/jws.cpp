#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "crypto/jwk_material.hpp"
#include "crypto/strict_json.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::size_t max_compact_size = 256U * 1024U;
constexpr std::size_t max_header_size = 16U * 1024U;
constexpr std::size_t max_header_depth = 8;
constexpr std::size_t max_candidates = 8;  // keys tried for one token
constexpr int encrypted_dots = 4;          // of a compact JWE (RFC 7516 7.1)

struct Compact {
  JwsHeader header;
  std::string_view signed_part;
  std::string payload;
  std::string signature;
};

std::unexpected<Error> refuse(std::string why) {
  return fail(Errc::invalid_argument, "not an acceptable JWS: " + std::move(why));
}

std::unexpected<Error> refuse_algorithm(std::string why) {
  auto refused = refuse(std::move(why));
  refused.error().check = "alg";
  return refused;
}

std::unexpected<Error> bad_signature() { return fail(Errc::sealed_broken, "the signature of the JWS is wrong"); }

Result<std::array<std::string_view, 3>> split_compact(std::string_view compact) {
  if (compact.size() > max_compact_size) return fail(Errc::too_large, "a JWS is longer than 256 KiB");
  const auto first = compact.find('.');
  const auto second = first == std::string_view::npos ? first : compact.find('.', first + 1);
  if (second == std::string_view::npos || compact.find('.', second + 1) != std::string_view::npos) {
    const bool encrypted = std::ranges::count(compact, '.') == encrypted_dots;
    return refuse(encrypted ? "it is encrypted (a JWE, RFC 7516)" : "the compact form has three parts");
  }
  return std::array{compact.substr(0, first), compact.substr(first + 1, second - first - 1), compact.substr(second + 1)};
}

Result<JwsHeader> parse_header(std::string_view part) {
  const auto text = base64url_decode(part);
  if (!text) return refuse("its header is not base64url");
  const auto object = parse_strict_object(*text, max_header_depth, max_header_size);
  if (!object) return refuse("its header: " + object.error().message);
  // We understand no extension, so whatever `crit` names must be refused (RFC 7515 4.1.11); b64 needs it (RFC 7797 6).
  if (object->contains("crit")) return refuse("its header has crit");
  if (object->contains("b64")) return refuse("its header has b64");
  JwsHeader header;
  const std::array<std::pair<std::string_view, std::string*>, 3> members{
      {{"alg", &header.alg}, {"kid", &header.kid}, {"typ", &header.typ}}};
  for (const auto& [name, target] : members) {
    if (!object->contains(name)) continue;
    const auto value = string_member(*object, name);
    if (!value) return refuse(std::string{name} + " of its header is not a string");
    *target = *value;
  }
  if (header.alg.empty()) return refuse("its header has no alg");
  if (header.kid.empty() && object->contains("kid")) return refuse("kid of its header is empty");  // else: any key would do
  return header;
}

Result<Compact> parse_compact(std::string_view compact) {
  const auto parts = split_compact(compact);
  if (!parts) return std::unexpected(parts.error());
  auto header = parse_header((*parts)[0]);
  if (!header) return std::unexpected(std::move(header).error());
  auto payload = base64url_decode((*parts)[1]);
  if (!payload) return refuse("its payload is not base64url");
  auto signature = base64url_decode((*parts)[2]);
  if (!signature) return refuse("its signature is not base64url");
  return Compact{.header = std::move(*header),
                 .signed_part = compact.substr(0, (*parts)[0].size() + 1 + (*parts)[1].size()),
                 .payload = std::move(*payload),
                 .signature = std::move(*signature)};
}

// The algorithm that the token names, if the caller allows it.
Result<const JoseAlgorithm*> allowed_algorithm(const JwsHeader& header, const std::vector<std::string>& allowed) {
  const JoseAlgorithm* known = find_jose_algorithm(header.alg);
  for (const auto& name : allowed) {
    if (known != nullptr && name == header.alg) return known;
  }
  return refuse_algorithm("its alg, " + printable(header.alg, 32) + ", is not one of the allowed " + join(allowed, ", "));
}

std::unexpected<Error> no_key(const JwsHeader& header) {
  return fail(Errc::not_found,
              "no key of the set fits the JWS (alg " + header.alg + ", kid '" + printable(header.kid, 64) + "')");
}

}  // namespace

Result<JwsHeader> parse_jws_header(std::string_view compact) {
  const auto parts = split_compact(compact);
  if (!parts) return std::unexpected(parts.error());
  return parse_header((*parts)[0]);
}

Result<VerifiedJws> verify_jws(std::string_view compact, const JwkSet& keys,
                               const std::vector<std::string>& allowed_algorithms) {
  auto jws = parse_compact(compact);
  if (!jws) return std::unexpected(std::move(jws).error());
  const auto algorithm = allowed_algorithm(jws->header, allowed_algorithms);
  if (!algorithm) return std::unexpected(algorithm.error());
  if ((*algorithm)->family == SignatureFamily::hmac)
    return refuse_algorithm("its alg needs a shared secret, not a public key");
  std::size_t tried = 0;
  for (const Jwk& key : keys.keys) {
    if (!jws->header.kid.empty() && key.kid() != jws->header.kid) continue;
    const Verification* verification = key.material().find(**algorithm);
    if (verification == nullptr) continue;
    if (tried++ == max_candidates) break;
    if (signature_is_good(*verification, jws->signed_part, jws->signature)) {
      return VerifiedJws{.header = std::move(jws->header), .payload = std::move(jws->payload)};
    }
  }
  return tried == 0 ? no_key(jws->header) : bad_signature();
}

Result<VerifiedJws> verify_jws_hmac(std::string_view compact, const Secret& key,
                                    const std::vector<std::string>& allowed_algorithms) {
  auto jws = parse_compact(compact);
  if (!jws) return std::unexpected(std::move(jws).error());
  const auto algorithm = allowed_algorithm(jws->header, allowed_algorithms);
  if (!algorithm) return std::unexpected(algorithm.error());
  if ((*algorithm)->family != SignatureFamily::hmac)
    return refuse_algorithm("its alg needs a public key, not a shared secret");
  if (key.size() < digest_size((*algorithm)->hash)) {
    return std::unexpected(
        Error{Errc::invalid_argument, "the shared secret is shorter than the hash of " + jws->header.alg,
              "RFC 7518 3.2 asks for " + std::to_string(digest_size((*algorithm)->hash)) + " bytes or more", "key"});
  }
  if (!equal_in_constant_time(hmac((*algorithm)->hash, key, jws->signed_part), jws->signature)) return bad_signature();
  return VerifiedJws{.header = std::move(jws->header), .payload = std::move(jws->payload)};
}

Result<std::string> sign_jws_hmac(std::string_view algorithm, const Secret& key, std::string_view payload,
                                  std::string_view kid, std::string_view typ) {
  const JoseAlgorithm* known = find_jose_algorithm(algorithm);
  if (known == nullptr || known->family != SignatureFamily::hmac) {
    return fail(Errc::invalid_argument, "cannot sign with " + printable(algorithm, 32), "use HS256, HS384 or HS512");
  }
  if (key.size() < digest_size(known->hash)) {
    return fail(Errc::invalid_argument, "the shared secret is shorter than the hash of " + std::string{algorithm},
                "RFC 7518 3.2 asks for " + std::to_string(digest_size(known->hash)) + " bytes or more");
  }
  std::string compact = jws_signing_input(algorithm, kid, typ, payload);
  const std::string signature = hmac(known->hash, key, compact);
  return compact + "." + base64url_encode(signature);
}

std::string jws_signing_input(std::string_view algorithm, std::string_view kid, std::string_view typ,
                              std::string_view payload) {
  json::object header{{"alg", algorithm}};
  if (!kid.empty()) header["kid"] = kid;
  if (!typ.empty()) header["typ"] = typ;
  return base64url_encode(json::serialize(header)) + "." + base64url_encode(payload);
}

}  // namespace evergrant
