#include "sandbox/client_assertions.hpp"

#include <algorithm>
#include <charconv>

#include "crypto/strict_json.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::string_view jwt_bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr Duration longest_life{std::chrono::minutes{5}};
constexpr Duration clock_leeway{std::chrono::seconds{10}};  // FAPI 2.0 Security Profile 5.3.2.1, of iat
constexpr Duration usual_max_age{std::chrono::minutes{5}};
constexpr std::int64_t farthest_second = 253402300799;  // the end of the year 9999: what is beyond is as far away
constexpr std::size_t max_claims_depth = 4;

std::optional<Time> time_member(const json::object& claims, std::string_view name) {
  const auto* value = claims.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return from_epoch_ms(std::clamp(value->get_int64(), -farthest_second, farthest_second) * 1000);
}

std::string fault_of_times(const json::object& claims, Time now) {
  const auto expires = time_member(claims, "exp");
  const auto issued = time_member(claims, "iat");
  if (!expires || *expires <= now) return "exp is missing or past";
  if (*expires - now > longest_life + clock_leeway) return "exp is too far away";
  if (!issued || *issued > now + clock_leeway) return "iat is missing or to come";
  return {};
}

std::string fault_of_names(const json::object& claims, const std::string& client_id, const std::string& audience) {
  if (string_member(claims, "iss") != client_id || string_member(claims, "sub") != client_id) {
    return "iss and sub are not both the client_id";
  }
  return string_member(claims, "aud") == audience ? std::string{} : "aud is not " + audience + ", as one string";
}

Duration max_age_of(const HttpResponse& answer) {
  constexpr std::string_view name = "max-age=";
  const std::string control{answer.headers.find("Cache-Control").value_or("")};
  const auto at = control.find(name);
  std::int64_t seconds = 0;
  if (at == std::string::npos) return usual_max_age;
  const char* begin = control.data() + at + name.size();
  const auto [stopped, error] = std::from_chars(begin, control.data() + control.size(), seconds);
  return error == std::errc{} && seconds >= 0 ? Duration{std::chrono::seconds{seconds}} : usual_max_age;
}

}  // namespace

Result<std::string> ClientAssertions::claims_in(const std::string& assertion, const SandboxClient& client) const {
  Result<VerifiedJws> verified = fail(Errc::not_found, "there is no key set of the client");
  if (client.auth_method == "client_secret_jwt") {
    verified = verify_jws_hmac(assertion, Secret{client.client_secret}, {"HS256"});
  } else if (!client.jwks.empty()) {
    const auto keys = parse_jwk_set(client.jwks);
    if (!keys) return std::unexpected(keys.error());
    verified = verify_jws(assertion, *keys, {"ES256", "PS256", "EdDSA", "RS256"});
  } else if (const auto kept = kept_.find(client.client_id); kept != kept_.end()) {
    verified = verify_jws(assertion, *kept->second.keys, {"ES256", "PS256", "EdDSA", "RS256"});
  }
  if (!verified) return std::unexpected(verified.error());
  return std::move(verified->payload);
}

std::string ClientAssertions::use_up(const std::string& client_id, const std::string& jti, Time until) {
  const Time now = base_.now();
  std::erase_if(used_jtis_, [now](const auto& used) { return used.second < now; });
  const bool fresh = used_jtis_.emplace(client_id + " " + jti, until).second;
  return fresh ? "" : "the jti came before";
}

std::string ClientAssertions::fault_of(const Parameters& form, const SandboxClient& client, const std::string& audience) {
  const auto assertion = single(form, "client_assertion");
  if (!assertion || single(form, "client_assertion_type") != jwt_bearer) {
    return "client_assertion_type and client_assertion are not both there, once";
  }
  const auto payload = claims_in(*assertion, client);
  if (!payload) return payload.error().message;
  const auto claims = parse_strict_object(*payload, max_claims_depth);
  if (!claims) return claims.error().message;
  std::string fault = fault_of_names(*claims, client.client_id, audience);
  if (fault.empty()) fault = fault_of_times(*claims, base_.now());
  const auto jti = string_member(*claims, "jti");
  if (fault.empty() && (!jti || jti->empty())) fault = "jti is missing";
  return fault.empty() ? use_up(client.client_id, std::string{*jti}, *time_member(*claims, "exp")) : fault;
}

bool ClientAssertions::needs_keys(const SandboxClient& client, Time now) const {
  if (client.auth_method != "private_key_jwt" || !client.jwks.empty() || client.jwks_uri.empty()) return false;
  const auto kept = kept_.find(client.client_id);
  return kept == kept_.end() || kept->second.uri != client.jwks_uri || now >= kept->second.until;
}

void ClientAssertions::keep_keys(const SandboxClient& client, const Result<HttpResponse>& answer, Time now) {
  kept_.erase(client.client_id);  // it is over: without another, the client is refused
  if (!answer || answer->status != 200) return;
  auto keys = parse_jwk_set(answer->body);
  if (!keys) return;
  kept_[client.client_id] = {
      .uri = client.jwks_uri, .keys = std::make_shared<const JwkSet>(std::move(*keys)), .until = now + max_age_of(*answer)};
}

void ClientAssertions::clear() {
  kept_.clear();
  used_jtis_.clear();
}

std::string assertion_kid(const Parameters& form) {
  const auto assertion = single(form, "client_assertion");
  const auto header = assertion ? parse_jws_header(*assertion) : fail(Errc::not_found, "");
  return header ? printable(header->kid, 200) : std::string{};
}

}  // namespace evergrant
