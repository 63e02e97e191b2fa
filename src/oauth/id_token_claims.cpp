#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "crypto/strict_json.hpp"
#include "oauth/claims.hpp"
#include "oauth/json_member.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::size_t max_payload = 128U * 1024U;
constexpr std::size_t max_payload_depth = 16;
constexpr std::size_t max_subject = 255;  // OpenID Connect Core 2

Result<Time> required_date(const json::object& claims, std::string_view name) {
  const auto date = date_claim(claims, name);
  if (!date) return std::unexpected(date.error());
  if (!*date) return refuse_claim(name, "it is missing");
  return **date;
}

Result<std::string> check_authorized_party(const json::object& claims, const std::vector<std::string>& audience,
                                           const IdTokenExpectation& expectation) {
  auto azp = text_claim(claims, "azp");
  if (!azp) return azp;
  if (azp->empty() && audience.size() > 1) return refuse_claim("azp", "it is missing, and there are several audiences");
  if (claims.contains("azp") && *azp != expectation.client_id) return refuse_claim("azp", "it is not our client_id");
  return azp;
}

Result<std::string> check_subject(const json::object& claims) {
  auto subject = text_claim(claims, "sub");
  if (!subject) return subject;
  if (subject->empty()) return refuse_claim("sub", "it is missing");
  const bool printable_ascii = std::ranges::all_of(*subject, [](char c) { return c >= ' ' && c <= '~'; });
  if (subject->size() > max_subject || !printable_ascii) return refuse_claim("sub", "it is not 1 to 255 ASCII characters");
  return subject;
}

// exp, iat, nbf and auth_time.
Result<> check_times(const json::object& claims, const IdTokenExpectation& e, IdTokenClaims& out) {
  const auto expires = required_date(claims, "exp");
  if (!expires) return std::unexpected(expires.error());
  const auto issued = required_date(claims, "iat");
  if (!issued) return std::unexpected(issued.error());
  const auto not_before = date_claim(claims, "nbf");
  if (!not_before) return std::unexpected(not_before.error());
  const auto signed_in = date_claim(claims, "auth_time");
  if (!signed_in) return std::unexpected(signed_in.error());
  if (*expires + e.leeway <= e.now) return refuse_claim("exp", "it expired at " + to_rfc3339(*expires));
  if (*issued > e.now + e.leeway) return refuse_claim("iat", "it is in the future: " + to_rfc3339(*issued));
  if (*expires < *issued) return refuse_claim("exp", "it is before iat");
  if (e.oldest && *issued + *e.oldest + e.leeway < e.now)
    return refuse_claim("iat", "it is too long ago: " + to_rfc3339(*issued));
  if (*not_before && **not_before > e.now + e.leeway)
    return refuse_claim("nbf", "it is in the future: " + to_rfc3339(**not_before));
  if (*signed_in && **signed_in > e.now + e.leeway) return refuse_claim("auth_time", "it is in the future");
  if (e.max_age && !*signed_in) return refuse_claim("auth_time", "it is missing, and max_age was asked");
  if (e.max_age && **signed_in + *e.max_age + e.leeway < e.now)
    return refuse_claim("auth_time", "the sign-in is too long ago");
  out.expires_at = *expires;
  out.issued_at = *issued;
  out.auth_time = *signed_in;
  return {};
}

Result<std::string> check_nonce(const json::object& claims, const IdTokenExpectation& expectation) {
  auto nonce = text_claim(claims, "nonce");
  if (!nonce || expectation.nonce.empty()) return nonce;
  if (!claims.contains("nonce")) {
    if (!expectation.nonce_returned) return nonce;
    return refuse_claim("nonce", "it is missing");
  }
  if (!equal_in_constant_time(*nonce, expectation.nonce)) return refuse_claim("nonce", "it is not the one that was sent");
  return nonce;
}

// The hash that belongs to a signature algorithm (Core 3.1.3.6); Ed25519 hashes with SHA-512.
HashKind hash_of(std::string_view alg) {
  if (alg.contains("256")) return HashKind::sha256;
  if (alg.contains("384")) return HashKind::sha384;
  return HashKind::sha512;
}

Result<> check_access_token_hash(const json::object& claims, std::string_view alg, const IdTokenExpectation& expectation) {
  const auto given = text_claim(claims, "at_hash");
  if (!given) return std::unexpected(given.error());
  if (!claims.contains("at_hash") || expectation.access_token.empty()) return {};
  const HashKind kind = hash_of(alg);
  const std::string hash = digest(kind, expectation.access_token.reveal());
  const std::string left_half = base64url_encode(std::string_view{hash}.substr(0, digest_size(kind) / 2));
  if (!equal_in_constant_time(*given, left_half)) return refuse_claim("at_hash", "it does not belong to the access token");
  return {};
}

Result<> check_required(const json::object& claims, const IdTokenExpectation& expectation) {
  for (const std::string& name : expectation.required_claims) {
    const json::value* value = claims.if_contains(name);
    const bool empty = value != nullptr && value->is_string() && value->get_string().empty();
    if (value == nullptr || value->is_null() || empty)
      return refuse_claim(name, "it is missing, and the profile requires it");
  }
  for (const auto& [name, expected] : expectation.required_values) {
    const json::value* value = claims.if_contains(name);
    if (value == nullptr || text_of(*value) != expected) {
      return refuse_claim(name, "it is not \"" + expected + "\", which the profile requires");
    }
  }
  const auto acr = text_claim(claims, "acr");
  if (!acr) return std::unexpected(acr.error());
  const auto& asked = expectation.acr_values;
  if (!asked.empty() && std::ranges::find(asked, *acr) == asked.end())
    return refuse_claim("acr", "it is not one of those asked for");
  return {};
}

Result<> check_realm(const json::value& claims, const IdTokenExpectation& expectation, IdTokenClaims& out) {
  out.realm = claim_text(claims, expectation.realm_claim);
  if (expectation.realm && out.realm && *out.realm != *expectation.realm) {
    return refuse_claim(expectation.realm_claim, "it names another realm than this connection's");
  }
  for (const std::string& name : expectation.kept_claims) {
    if (auto text = claim_text(claims, name)) out.others.insert_or_assign(name, std::move(*text));
  }
  return {};
}

// Who: iss, aud, azp, sub, nonce.
Result<> check_parties(const json::object& claims, const IdTokenExpectation& expectation, IdTokenClaims& out) {
  auto issuer = check_issuer(claims, expectation);
  if (!issuer) return std::unexpected(std::move(issuer).error());
  auto audience = check_audience(claims, expectation);
  if (!audience) return std::unexpected(std::move(audience).error());
  auto azp = check_authorized_party(claims, *audience, expectation);
  if (!azp) return std::unexpected(std::move(azp).error());
  auto subject = check_subject(claims);
  if (!subject) return std::unexpected(std::move(subject).error());
  auto nonce = check_nonce(claims, expectation);
  if (!nonce) return std::unexpected(std::move(nonce).error());
  out.issuer = std::move(*issuer);
  out.audience = std::move(*audience);
  out.azp = std::move(*azp);
  out.subject = std::move(*subject);
  out.nonce = std::move(*nonce);
  return {};
}

// A token about somebody else is told from one that is merely wrong: whoever refreshes must stop at the first only.
Result<> as_mismatch(Result<> check) {
  if (!check) check.error().code = Errc::forbidden;
  return check;
}

std::unexpected<Error> in_id_token(Error error) {
  error.message.insert(0, "ID token: ");
  return std::unexpected(std::move(error));
}

}  // namespace

Result<IdTokenClaims> check_id_token_claims(std::string_view payload, std::string_view alg, std::string_view typ,
                                            const IdTokenExpectation& expectation) {
  auto object = parse_strict_object(payload, max_payload_depth, max_payload);
  if (!object) return in_id_token(refuse_claim("claims", object.error().message).error());
  const json::value document(std::move(*object));  // braces would make it a list of one
  const json::object& claims = document.get_object();
  IdTokenClaims out;
  const std::array checks{check_kind(claims, typ),
                          as_mismatch(check_parties(claims, expectation, out)),
                          check_times(claims, expectation, out),
                          check_access_token_hash(claims, alg, expectation),
                          check_required(claims, expectation),
                          as_mismatch(check_realm(document, expectation, out))};
  for (const auto& check : checks) {
    if (!check) return in_id_token(check.error());
  }
  return out;
}

}  // namespace evergrant
