#include "oauth/user_info.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "crypto/strict_json.hpp"
#include "oauth/api_request.hpp"
#include "oauth/challenge.hpp"
#include "oauth/claims.hpp"
#include "oauth/provider_signature.hpp"
#include "oauth/realm_rules.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::size_t max_user_info = 128U * 1024U;
constexpr std::size_t max_user_info_depth = 16;
constexpr std::size_t max_shown = 1024;
constexpr Duration longest_wait{std::chrono::seconds{10}};  // a customer's browser waits too

bool is_jwt(const HttpResponse& response) {
  const auto type = response.headers.find("Content-Type").value_or("");
  return to_lower_ascii(trim(type.substr(0, type.find(';')))) == "application/jwt";
}

// What the resource says of its refusal (RFC 6750 3); nothing where that cannot be read.
std::string reason_of(const HttpResponse& response) {
  std::string field;
  for (const auto& [name, value] : response.headers.all()) {
    if (to_lower_ascii(name) == "www-authenticate") field += (field.empty() ? "" : ", ") + value;
  }
  const auto challenges = parse_challenges(field);
  const auto bearer = challenges ? bearer_challenge(*challenges) : std::nullopt;
  if (!bearer || bearer->error.empty()) return {};
  std::string reason = ": " + bearer->error;
  if (!bearer->error_description.empty()) reason += ": " + bearer->error_description;
  if (!bearer->scope.empty()) reason += " (scope: " + bearer->scope + ")";
  return reason;
}

std::unexpected<Error> refuse(const Error& why) {
  const bool nobody_knows = why.check.empty();  // the keys cannot be had
  return std::unexpected(Error{nobody_knows || why.code == Errc::unsupported ? why.code : Errc::forbidden,
                               "UserInfo: " + why.message, why.hint, why.check});
}

Task<Result<json::object>> read_signed(HttpResponse response, ProviderDirectory& directory, const Registration& registration,
                                       ResolvedProvider resolved, Time now) {
  const IdTokenExpectation expectation = id_token_expectation(registration, resolved, now);
  const auto verified =
      co_await verify_provider_signature(Secret{trim(response.body)}, registration, std::move(resolved), directory);
  if (!verified) co_return refuse(verified.error());
  co_return check_signed_user_info(verified->payload, verified->header.typ, expectation);
}

Result<json::object> read_plain(const HttpResponse& response) {
  auto object = parse_strict_object(response.body, max_user_info_depth, max_user_info);
  if (object) return object;
  return fail(Errc::provider_rejected, "UserInfo: the answer cannot be read: " + object.error().message,
              "check endpoints.userinfo in the profile");
}

Result<> check_end(const json::object& claims, const IdTokenExpectation& expectation) {
  const auto expires = date_claim(claims, "exp");
  if (!expires) return std::unexpected(expires.error());
  if (!*expires || **expires + expectation.leeway > expectation.now) return {};
  return refuse_claim("exp", "it expired at " + to_rfc3339(**expires));
}

}  // namespace

bool needs_user_info(const Registration& registration, const ResolvedProvider& resolved, const TokenSet& tokens,
                     const KnownUser& user) {
  if (registration.provider.realm.source == RealmSource::userinfo && !comes_without_realm(registration, tokens)) return true;
  if (resolved.endpoints.userinfo.empty()) return false;
  if (user.subject.empty() && !resolved.issuer.empty()) return false;
  return std::ranges::any_of(registration.claims, [&](const std::string& name) { return !user.claims.contains(name); });
}

Result<> judge_user_info_answer(const Result<HttpResponse>& response) {
  if (!response) {
    if (response.error().code == Errc::invalid_argument) return std::unexpected(response.error());
    return fail(Errc::provider_unavailable, "UserInfo: no answer: " + response.error().message, "try again");
  }
  const int status = response->status;
  if (status == 200) return {};
  const std::string said = "UserInfo: the provider answered " + std::to_string(status) + reason_of(*response);
  if (status == 401) return fail(Errc::unauthenticated, said);
  if (status == 408 || status == 425 || status == 429 || status >= 500) {
    return fail(Errc::provider_unavailable, said, "try again");
  }
  return fail(Errc::provider_rejected, said, "check the scopes of the registration and endpoints.userinfo in the profile");
}

Result<> check_user_info_subject(const json::object& info, const std::string& subject) {
  if (subject.empty()) return {};
  const auto said = string_member(info, "sub");
  if (said == subject) return {};
  const std::string_view what = said ? "it is another user's than the ID token" : "it is missing";
  return std::unexpected(
      Error{Errc::forbidden, "UserInfo: sub: " + std::string{what}, "nothing of it was used; connect again", "sub"});
}

Result<json::object> check_signed_user_info(std::string_view payload, std::string_view typ,
                                            const IdTokenExpectation& expectation) {
  auto claims = parse_strict_object(payload, max_user_info_depth, max_user_info);
  if (!claims) return refuse(refuse_claim("claims", claims.error().message).error());
  if (const auto kind = check_kind(*claims, typ); !kind) return refuse(kind.error());
  if (const auto issuer = check_issuer(*claims, expectation); !issuer) return refuse(issuer.error());
  if (const auto audience = check_audience(*claims, expectation); !audience) return refuse(audience.error());
  if (const auto end = check_end(*claims, expectation); !end) return refuse(end.error());
  return claims;
}

Task<Result<json::object>> fetch_user_info(HttpTransport& transport, ProviderDirectory& directory,
                                           const Registration& registration, ResolvedProvider resolved,
                                           UserInfoQuestion question) {
  if (question.url.empty()) {
    co_return fail(Errc::unsupported, "UserInfo: the provider has no such endpoint",
                   "give endpoints.userinfo in its profile");
  }
  auto request = build_api_request(registration, std::move(question.url), question.access_token, question.realm);
  if (!request) co_return std::unexpected(request.error());
  request->timeout = longest_wait;
  request->address_rule = address_rule_for(registration.provider, request->url);
  request->headers.set("Accept", "application/json, application/jwt");
  auto response = co_await transport.send(std::move(*request));
  if (const auto judged = judge_user_info_answer(response); !judged) co_return std::unexpected(judged.error());
  Result<json::object> info = json::object{};
  if (is_jwt(*response)) {
    info = co_await read_signed(std::move(*response), directory, registration, std::move(resolved), question.now);
  } else {
    info = read_plain(*response);
  }
  if (!info) co_return info;
  const auto same = check_user_info_subject(*info, question.subject);
  if (!same) co_return std::unexpected(same.error());
  co_return info;
}

std::map<std::string, std::string> kept_claims(const Registration& registration, const KnownUser& user,
                                               const json::object& info) {
  const json::value document(info);  // braces would make it a list of one
  std::map<std::string, std::string> kept;
  for (const std::string& name : registration.claims) {
    const auto known = user.claims.find(name);
    const auto text = known != user.claims.end() ? std::optional{known->second} : claim_text(document, name);
    if (text) kept.emplace(name, printable(*text, max_shown));
  }
  return kept;
}

}  // namespace evergrant
