#include "oauth/revocation.hpp"

#include <algorithm>

#include "base/contains.hpp"
#include "base/encoding.hpp"
#include "oauth/answer_body.hpp"
#include "oauth/client_authentication.hpp"
#include "oauth/profile_url.hpp"
#include "oauth/provider_error.hpp"
#include "oauth/request_body.hpp"
#include "oauth/server_metadata.hpp"
#include "oauth/token_answer.hpp"

namespace evergrant {
namespace {

struct ClientProof {
  const Secret& client_secret;
  const AssertionFacts& facts;
};

// The parameters beside the token: profile-given, with our public client_id where they ask for it.
Parameters body_of(const Registration& registration, const Secret& token) {
  const RevokeProfile& profile = registration.provider.revoke;
  Parameters body{{profile.token_parameter, std::string{token.reveal()}}};
  for (const auto& [name, value] : profile.extra_parameters) {
    body.emplace_back(name, fill_in(value, "client_id", registration.client_id));
  }
  return body;
}

Result<> authenticate(const Registration& registration, const ClientProof& proof, OutboundRequest& request,
                      Parameters& body) {
  const std::string& own = registration.provider.revoke.authorization;
  if (own.empty()) return authenticate_client(registration, proof.client_secret, proof.facts, request.headers, body);
  std::string value =
      fill_in(fill_in(own, "client_id", registration.client_id), "client_secret", proof.client_secret.reveal());
  request.headers.set("Authorization", value);
  wipe(value);
  return {};
}

// Credentials for a request without a body: only a header can carry them (CA-03).
Result<> authenticate_by_header(const Registration& registration, const ClientProof& proof, OutboundRequest& request) {
  if (proves_by_assertion(registration.provider.token.client_auth) && registration.provider.revoke.authorization.empty()) {
    return fail(
        Errc::unsupported,
        in_message(registration) + "this provider revokes by a request that has no place for the " + "client's assertion",
        "let the customer remove the app at the provider");
  }
  Parameters unsent;
  auto done = authenticate(registration, proof, request, unsent);
  wipe_values(unsent);
  return done;
}

Result<> write_body(const Registration& registration, const ClientProof& proof, Parameters body, BodyFormat format,
                    OutboundRequest& request) {
  auto done = authenticate(registration, proof, request, body);
  if (done) set_body(request, body, format);
  wipe_values(body);
  return done;
}

Result<> write_form(const Registration& registration, const ClientProof& proof, const Secret& token, TokenKind kind,
                    OutboundRequest& request) {
  Parameters body = body_of(registration, token);
  if (count(body, "token_type_hint") == 0) {
    body.emplace_back("token_type_hint", kind == TokenKind::refresh ? "refresh_token" : "access_token");
  }
  auto done = write_body(registration, proof, body, BodyFormat::form, request);
  wipe_values(body);
  return done;
}

// DELETE with the token in the path (HubSpot) or, where the path has no place for it, in a JSON body (GitHub).
Result<> write_delete(const Registration& registration, const ClientProof& proof, const Secret& token,
                      OutboundRequest& request) {
  request.method = "DELETE";
  if (!request.url.contains("{token}")) {
    return write_body(registration, proof, body_of(registration, token), BodyFormat::json, request);
  }
  request.url = fill_in(request.url, "token", percent_encode(token.reveal()));
  return authenticate_by_header(registration, proof, request);
}

Result<> write_query(const Registration& registration, const ClientProof& proof, const Secret& token,
                     OutboundRequest& request) {
  Parameters query = body_of(registration, token);
  request.url += (request.url.contains('?') ? "&" : "?") + form_encode(query);
  wipe_values(query);
  return authenticate_by_header(registration, proof, request);
}

Result<> write_self_bearer(const Registration& registration, const Secret& token, TokenKind kind, OutboundRequest& request) {
  if (kind == TokenKind::refresh) {
    return fail(Errc::unsupported, in_message(registration) + "this provider revokes by the access token only");
  }
  request.method = registration.provider.revoke.method;
  std::string value = "Bearer " + std::string{token.reveal()};
  request.headers.set("Authorization", value);
  wipe(value);
  Parameters body;
  for (const auto& [name, text] : registration.provider.revoke.extra_parameters) {
    body.emplace_back(name, fill_in(text, "client_id", registration.client_id));
  }
  if (!body.empty()) set_body(request, body, BodyFormat::form);
  return {};
}

Result<> write(const Registration& registration, const ClientProof& proof, const Secret& token, TokenKind kind,
               OutboundRequest& request) {
  switch (registration.provider.revoke.style) {
    case RevokeStyle::rfc7009: return write_form(registration, proof, token, kind, request);
    case RevokeStyle::json: return write_body(registration, proof, body_of(registration, token), BodyFormat::json, request);
    case RevokeStyle::delete_path: return write_delete(registration, proof, token, request);
    case RevokeStyle::query: return write_query(registration, proof, token, request);
    case RevokeStyle::self_bearer: return write_self_bearer(registration, token, kind, request);
    case RevokeStyle::none: break;
  }
  return fail(Errc::unsupported, in_message(registration) + "this provider has no way to revoke a token");
}

Result<OutboundRequest> build(const Registration& registration, const std::string& revoke_url, const ClientProof& proof,
                              const Secret& token, TokenKind kind) {
  const Provider& provider = registration.provider;
  if (provider.revoke.style == RevokeStyle::none || revoke_url.empty()) {
    return fail(Errc::unsupported, in_message(registration) + "this provider has no way to revoke a token",
                "let the customer remove the app at the provider");
  }
  OutboundRequest request;
  request.method = "POST";
  request.url = fill_in(revoke_url, "client_id", percent_encode(registration.client_id));
  if (const auto problem = url_problem(fill_in(request.url, "token", "t"), provider.allow_loopback_http)) {
    return fail(Errc::invalid_argument, in_message(registration) + "revocation endpoint: " + *problem,
                "correct endpoints.revoke in the provider's profile, or the provider's metadata");
  }
  request.address_rule = address_rule_for(provider, revoke_url);
  request.allow_loopback_http = provider.allow_loopback_http;
  request.headers.set("Accept", "application/json");
  if (auto written = write(registration, proof, token, kind, request); !written) {
    return std::unexpected(written.error());
  }
  return request;
}

// On 2xx the body counts only where the profile says how a failure looks (Slack); RFC 7009 2.2 says to ignore it.
RevocationOutcome outcome_of_success(std::string_view code, bool failed, const Provider& provider) {
  if (!failed) return RevocationOutcome::revoked;
  return class_of_error(code, provider.errors) == FailureClass::grant ? RevocationOutcome::assumed
                                                                      : RevocationOutcome::try_again;
}

// REV-04. Our own client being refused says nothing about the token.
RevocationOutcome outcome_of_failure(int status, std::string_view code, const Provider& provider) {
  if (status < 400 || is_transient_status(status, provider.errors)) return RevocationOutcome::try_again;
  if (code == "unsupported_token_type") return RevocationOutcome::unsupported;
  const bool ours = code == "unauthorized_client" || class_of_error(code, provider.errors) == FailureClass::registration;
  if (ours) return RevocationOutcome::try_again;
  const bool gone = status == 410 || contains(provider.revoke.gone_statuses, status);
  return gone ? RevocationOutcome::assumed : RevocationOutcome::try_again;
}

RevocationVerdict verdict_of(RevocationOutcome outcome, std::string detail) {
  RevocationVerdict verdict;
  verdict.outcome = outcome;
  verdict.detail = std::move(detail);
  return verdict;
}

RevocationVerdict of_error(const Error& error) {
  const bool impossible = error.code == Errc::unsupported;
  return verdict_of(impossible ? RevocationOutcome::unsupported : RevocationOutcome::try_again,
                    printable(error.message, 300));
}

struct Step {
  Secret token;
  TokenKind kind = TokenKind::refresh;
  bool is_same_token = false;  // as the step before, called by the other name
};

std::vector<Step> steps_of(const RevokeProfile& profile, std::optional<Secret> refresh_token,
                           std::optional<Secret> access_token) {
  std::vector<Step> steps;
  const bool by_access_only = profile.style == RevokeStyle::self_bearer;
  if (refresh_token && !refresh_token->empty() && !by_access_only) {
    steps.push_back({.token = std::move(*refresh_token), .kind = TokenKind::refresh});
  }
  if (access_token && !access_token->empty()) {
    steps.push_back({.token = std::move(*access_token), .kind = TokenKind::access});
  }
  if (profile.order == RevokeOrder::access_first) std::ranges::reverse(steps);
  if (steps.size() == 1 && !by_access_only) {
    const TokenKind other = steps[0].kind == TokenKind::refresh ? TokenKind::access : TokenKind::refresh;
    steps.push_back({.token = steps[0].token.clone(), .kind = other, .is_same_token = true});
  }
  return steps;
}

// REV-04: after `unsupported_token_type` the other token, or the other name, is tried once.
bool is_second_needed(RevocationOutcome first, const RevokeProfile& profile, const Step& second) {
  switch (first) {
    case RevocationOutcome::unsupported: return true;
    case RevocationOutcome::try_again: return false;
    case RevocationOutcome::revoked: return profile.cascade == Cascade::one && !second.is_same_token;
    // A refresh token is dead also where a refresh whose answer was lost has replaced it: the grant then lives on, and the
    // access token may still end it.
    case RevocationOutcome::assumed: return !second.is_same_token;
  }
  return false;
}

// Both were told: what is still open counts most, then what was done.
RevocationVerdict joined(RevocationVerdict first, RevocationVerdict second) {
  if (first.outcome == RevocationOutcome::try_again) return first;
  if (second.outcome == RevocationOutcome::try_again) return second;
  if (second.outcome == RevocationOutcome::revoked || first.outcome == RevocationOutcome::unsupported) return second;
  return first;
}

}  // namespace

Result<OutboundRequest> build_revocation(const Registration& registration, const std::string& revoke_url,
                                         const Secret& token, TokenKind kind, const AssertionFacts& facts) {
  const Secret no_secret;
  const auto& secrets = registration.client_secrets;
  return build(registration, revoke_url, {secrets.empty() ? no_secret : secrets[0].value, facts}, token, kind);
}

RevocationVerdict judge_revocation(const HttpResponse& response, const Provider& provider, Time now) {
  const auto body = read_answer_body(response, ResponseFormat::automatic);
  const bool success = response.status >= 200 && response.status < 300;
  const auto shapes = success ? ErrorShapes::declared : ErrorShapes::any;
  const auto error = body ? read_provider_error(body->get(), provider.errors, shapes) : std::optional<ProviderError>{};
  const std::string code = error ? error->code : "";
  RevocationVerdict verdict;
  const bool failed = success && body && says_failure(body->get(), provider.token.failure_members);
  verdict.outcome =
      success ? outcome_of_success(code, failed, provider) : outcome_of_failure(response.status, code, provider);
  verdict.retry_after = retry_after(response, now);
  verdict.detail = std::to_string(response.status) + (code.empty() ? "" : " " + code);
  verdict.correlation = correlation_of(response, provider);
  return verdict;
}

RevocationEndpoint::RevocationEndpoint(HttpTransport& transport, Clock& clock, Random& random)
    : transport_{transport}, clock_{clock}, random_{random} {}

Task<RevocationVerdict> RevocationEndpoint::send(const Registration& registration, const RevocationUrls& urls, Secret token,
                                                 TokenKind kind) {
  const Secret no_secret;
  const auto& secrets = registration.client_secrets;
  const std::size_t tries = std::clamp<std::size_t>(secrets.size(), 1, 2);
  RevocationVerdict verdict;
  for (std::size_t i = 0; i < tries; ++i) {  // CA-11: the next client secret once
    const AssertionFacts facts = fresh_facts(registration, urls.token, clock_, random_);
    auto request = build(registration, urls.revoke, {secrets.empty() ? no_secret : secrets[i].value, facts}, token, kind);
    if (!request) co_return of_error(request.error());
    const auto response = co_await transport_.send(std::move(*request));
    if (!response) co_return of_error(response.error());
    verdict = judge_revocation(*response, registration.provider, clock_.now());
    if (!verdict.detail.ends_with(" invalid_client")) co_return verdict;
  }
  co_return verdict;
}

Task<RevocationVerdict> RevocationEndpoint::revoke(const Registration& registration, RevocationUrls urls,
                                                   std::optional<Secret> refresh_token, std::optional<Secret> access_token) {
  const RevokeProfile& profile = registration.provider.revoke;
  if (profile.style == RevokeStyle::none || urls.revoke.empty()) {
    co_return verdict_of(RevocationOutcome::unsupported, "the provider has no way to revoke a token");
  }
  auto steps = steps_of(profile, std::move(refresh_token), std::move(access_token));
  if (steps.empty()) co_return verdict_of(RevocationOutcome::unsupported, "there is no token to revoke with");
  auto first = co_await send(registration, urls, std::move(steps[0].token), steps[0].kind);
  if (steps.size() == 1 || !is_second_needed(first.outcome, profile, steps[1])) co_return first;
  auto second = co_await send(registration, urls, std::move(steps[1].token), steps[1].kind);
  const bool last_chance = first.outcome == RevocationOutcome::assumed && profile.cascade == Cascade::all;
  if (last_chance && second.outcome != RevocationOutcome::revoked) co_return first;
  co_return joined(std::move(first), std::move(second));
}

}  // namespace evergrant
