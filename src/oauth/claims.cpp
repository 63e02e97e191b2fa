#include "oauth/claims.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cmath>

#include "base/encoding.hpp"
#include "crypto/strict_json.hpp"
#include "oauth/json_member.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::size_t max_kept = 1024;
constexpr double last_second = 253'402'300'799;  // of the year 9999

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

Result<std::vector<std::string>> read_audience(const json::object& claims) {
  const json::value* value = claims.if_contains("aud");
  if (value == nullptr) return refuse_claim("aud", "it is missing");
  if (value->is_string()) return std::vector<std::string>{std::string{std::string_view{value->get_string()}}};
  if (!value->is_array()) return refuse_claim("aud", "it is neither a string nor a list");
  std::vector<std::string> audience;
  for (const auto& element : value->get_array()) {
    if (!element.is_string()) return refuse_claim("aud", "it holds something else than strings");
    audience.emplace_back(std::string_view{element.get_string()});
  }
  return audience;
}

}  // namespace

std::unexpected<Error> refuse_claim(std::string_view check, std::string_view why) {
  return std::unexpected(
      Error{Errc::provider_rejected, std::string{check} + ": " + std::string{why}, {}, std::string{check}});
}

Result<std::string> text_claim(const json::object& claims, std::string_view name) {
  if (!claims.contains(name)) return std::string{};
  const auto text = string_member(claims, name);
  if (!text) return refuse_claim(name, "it is not a string");
  return std::string{*text};
}

Result<std::optional<Time>> date_claim(const json::object& claims, std::string_view name) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) return refuse_claim(name, "it is not a number");
  const double seconds = value->to_number<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > last_second) return refuse_claim(name, "it is out of range");
  return from_epoch_ms(static_cast<std::int64_t>(std::floor(seconds * 1000)));
}

Result<> check_kind(const json::object& claims, std::string_view typ) {
  const std::string kind = to_lower_ascii(typ);
  if (!kind.empty() && kind != "jwt" && kind != "application/jwt") {
    return refuse_claim("typ", "\"" + printable(typ, 64) + "\" is another kind of token");
  }
  if (claims.contains("events")) return refuse_claim("events", "this is a logout token or a security event");
  return {};
}

Result<std::string> check_issuer(const json::object& claims, const IdTokenExpectation& expectation) {
  auto issuer = text_claim(claims, "iss");
  if (!issuer) return issuer;
  if (issuer->empty()) return refuse_claim("iss", "it is missing");
  const auto expected = expected_issuer(claims, expectation);
  if (!expected) return refuse_claim("tid", "it is missing or malformed, and the issuer depends on it");
  if (*issuer == *expected) return issuer;
  const auto& others = expectation.issuer_alternatives;
  const bool alternatives = expectation.issuer_rule == IssuerRule::alternatives;
  if (alternatives && std::ranges::find(others, *issuer) != others.end()) return issuer;
  return refuse_claim("iss", "it is \"" + printable(*issuer) + "\", and \"" + *expected + "\" is expected");
}

Result<std::vector<std::string>> check_audience(const json::object& claims, const IdTokenExpectation& expectation) {
  auto audience = read_audience(claims);
  if (!audience) return audience;
  if (std::ranges::find(*audience, expectation.client_id) == audience->end()) {
    return refuse_claim("aud", "it does not name our client_id");
  }
  for (const std::string& other : *audience) {
    const auto& trusted = expectation.trusted_audiences;
    if (other != expectation.client_id && std::ranges::find(trusted, other) == trusted.end()) {
      return refuse_claim("aud", "it also names \"" + printable(other, 64) + "\", which is not trusted");
    }
  }
  return audience;
}

std::optional<std::string> claim_text(const json::value& claims, std::string_view name) {
  const json::value* value = name.empty() ? nullptr : member_at(claims, name);
  auto text = value == nullptr ? std::nullopt : text_of(*value);
  if (text && text->size() > max_kept) return std::nullopt;
  return text;
}

}  // namespace evergrant
