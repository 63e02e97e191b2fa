#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <cmath>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "crypto/strict_json.hpp"
#include "oauth/id_token.hpp"
#include "oauth/json_member.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::size_t max_payload = 128U * 1024U;
constexpr std::size_t max_payload_depth = 16;
constexpr std::size_t max_subject = 255;  // OpenID Connect Core 2
constexpr std::size_t max_kept = 1024;
constexpr double last_second = 253'402'300'799;  // of the year 9999

std::unexpected<Error> refuse(std::string_view check, std::string_view why) {
  return std::unexpected(
      Error{Errc::provider_rejected, "ID token: " + std::string{check} + ": " + std::string{why}, {}, std::string{check}});
}

Result<std::string> text_claim(const json::object& claims, std::string_view name) {
  if (!claims.contains(name)) return std::string{};
  const auto text = string_member(claims, name);
  if (!text) return refuse(name, "it is not a string");
  return std::string{*text};
}

// A NumericDate (RFC 7519 2): seconds as an integer or a fraction. Nothing if it is absent.
Result<std::optional<Time>> date_claim(const json::object& claims, std::string_view name) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) return refuse(name, "it is not a number");
  const double seconds = value->to_number<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > last_second) return refuse(name, "it is out of range");
  return from_epoch_ms(static_cast<std::int64_t>(std::floor(seconds * 1000)));
}

Result<Time> required_date(const json::object& claims, std::string_view name) {
  const auto date = date_claim(claims, name);
  if (!date) return std::unexpected(date.error());
  if (!*date) return refuse(name, "it is missing");
  return **date;
}

// Only what may be an ID token: an access token, a logout token or a security event signed by the same keys must not pass
// for one (RFC 8725 3.11, 3.12).
Result<> check_kind(const json::object& claims, std::string_view typ) {
  const std::string kind = to_lower_ascii(typ);
  if (!kind.empty() && kind != "jwt" && kind != "application/jwt") {
    return refuse("typ", "\"" + printable(typ, 64) + "\" is another kind of token");
  }
  if (claims.contains("events")) return refuse("events", "this is a logout token or a security event");
  return {};
}

bool is_tenant(std::string_view tid) {
  constexpr std::size_t longest = 64;
  return !tid.empty() && tid.size() <= longest && std::ranges::all_of(tid, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

// The issuer that this token must name; nothing if the template cannot be filled.
std::optional<std::string> expected_issuer(const json::object& claims, const IdTokenExpectation& expectation) {
  if (expectation.issuer_rule != IssuerRule::tenant_template) return expectation.issuer;
  constexpr std::string_view variable = "{tenantid}";
  const auto at = expectation.issuer.find(variable);
  const auto tid = string_member(claims, "tid");
  if (at == std::string::npos || !tid || !is_tenant(*tid)) return std::nullopt;
  std::string issuer = expectation.issuer;
  return issuer.replace(at, variable.size(), *tid);
}

Result<std::string> check_issuer(const json::object& claims, const IdTokenExpectation& expectation) {
  auto issuer = text_claim(claims, "iss");
  if (!issuer) return issuer;
  if (issuer->empty()) return refuse("iss", "it is missing");
  const auto expected = expected_issuer(claims, expectation);
  if (!expected) return refuse("tid", "it is missing or malformed, and the issuer depends on it");
  if (*issuer == *expected) return issuer;
  const auto& others = expectation.issuer_alternatives;
  const bool alternatives = expectation.issuer_rule == IssuerRule::alternatives;
  if (alternatives && std::ranges::find(others, *issuer) != others.end()) return issuer;
  return refuse("iss", "it is \"" + printable(*issuer) + "\", and \"" + *expected + "\" is expected");
}

Result<std::vector<std::string>> read_audience(const json::object& claims) {
  const json::value* value = claims.if_contains("aud");
  if (value == nullptr) return refuse("aud", "it is missing");
  if (value->is_string()) return std::vector<std::string>{std::string{std::string_view{value->get_string()}}};
  if (!value->is_array()) return refuse("aud", "it is neither a string nor a list");
  std::vector<std::string> audience;
  for (const auto& element : value->get_array()) {
    if (!element.is_string()) return refuse("aud", "it holds something else than strings");
    audience.emplace_back(std::string_view{element.get_string()});
  }
  return audience;
}

Result<std::vector<std::string>> check_audience(const json::object& claims, const IdTokenExpectation& expectation) {
  auto audience = read_audience(claims);
  if (!audience) return audience;
  if (std::ranges::find(*audience, expectation.client_id) == audience->end()) {
    return refuse("aud", "it does not name our client_id");
  }
  for (const std::string& other : *audience) {
    const auto& trusted = expectation.trusted_audiences;
    if (other != expectation.client_id && std::ranges::find(trusted, other) == trusted.end()) {
      return refuse("aud", "it also names \"" + printable(other, 64) + "\", which is not trusted");
    }
  }
  return audience;
}

Result<std::string> check_authorized_party(const json::object& claims, const std::vector<std::string>& audience,
                                           const IdTokenExpectation& expectation) {
  auto azp = text_claim(claims, "azp");
  if (!azp) return azp;
  if (azp->empty() && audience.size() > 1) return refuse("azp", "it is missing, and there are several audiences");
  if (claims.contains("azp") && *azp != expectation.client_id) return refuse("azp", "it is not our client_id");
  return azp;
}

Result<std::string> check_subject(const json::object& claims) {
  auto subject = text_claim(claims, "sub");
  if (!subject) return subject;
  if (subject->empty()) return refuse("sub", "it is missing");
  const bool printable_ascii = std::ranges::all_of(*subject, [](char c) { return c >= ' ' && c <= '~'; });
  if (subject->size() > max_subject || !printable_ascii) return refuse("sub", "it is not 1 to 255 ASCII characters");
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
  if (*expires + e.leeway <= e.now) return refuse("exp", "it expired at " + to_rfc3339(*expires));
  if (*issued > e.now + e.leeway) return refuse("iat", "it is in the future: " + to_rfc3339(*issued));
  if (*expires < *issued) return refuse("exp", "it is before iat");
  if (e.oldest && *issued + *e.oldest + e.leeway < e.now) return refuse("iat", "it is too long ago: " + to_rfc3339(*issued));
  if (*not_before && **not_before > e.now + e.leeway)
    return refuse("nbf", "it is in the future: " + to_rfc3339(**not_before));
  if (*signed_in && **signed_in > e.now + e.leeway) return refuse("auth_time", "it is in the future");
  if (e.max_age && !*signed_in) return refuse("auth_time", "it is missing, and max_age was asked");
  if (e.max_age && **signed_in + *e.max_age + e.leeway < e.now) return refuse("auth_time", "the sign-in is too long ago");
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
    return refuse("nonce", "it is missing");
  }
  if (!equal_in_constant_time(*nonce, expectation.nonce)) return refuse("nonce", "it is not the one that was sent");
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
  if (!equal_in_constant_time(*given, left_half)) return refuse("at_hash", "it does not belong to the access token");
  return {};
}

Result<> check_required(const json::object& claims, const IdTokenExpectation& expectation) {
  for (const std::string& name : expectation.required_claims) {
    const json::value* value = claims.if_contains(name);
    const bool empty = value != nullptr && value->is_string() && value->get_string().empty();
    if (value == nullptr || value->is_null() || empty) return refuse(name, "it is missing, and the profile requires it");
  }
  const auto acr = text_claim(claims, "acr");
  if (!acr) return std::unexpected(acr.error());
  const auto& asked = expectation.acr_values;
  if (!asked.empty() && std::ranges::find(asked, *acr) == asked.end())
    return refuse("acr", "it is not one of those asked for");
  return {};
}

std::optional<std::string> claim_text(const json::value& claims, std::string_view name) {
  const json::value* value = name.empty() ? nullptr : member_at(claims, name);
  auto text = value == nullptr ? std::nullopt : text_of(*value);
  if (text && text->size() > max_kept) return std::nullopt;
  return text;
}

Result<> check_realm(const json::value& claims, const IdTokenExpectation& expectation, IdTokenClaims& out) {
  out.realm = claim_text(claims, expectation.realm_claim);
  if (expectation.realm && out.realm && *out.realm != *expectation.realm) {
    return refuse(expectation.realm_claim, "it names another realm than this connection's");
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

}  // namespace

Result<IdTokenClaims> check_id_token_claims(std::string_view payload, std::string_view alg, std::string_view typ,
                                            const IdTokenExpectation& expectation) {
  auto object = parse_strict_object(payload, max_payload_depth, max_payload);
  if (!object) return refuse("claims", object.error().message);
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
    if (!check) return std::unexpected(check.error());
  }
  return out;
}

}  // namespace evergrant
