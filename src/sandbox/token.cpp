#include "sandbox/token.hpp"

#include <boost/json.hpp>
#include <expected>

#include "crypto/hash.hpp"
#include "sandbox/answers.hpp"
#include "sandbox/client_check.hpp"
#include "sandbox/id_token.hpp"
#include "sandbox/identity.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

std::int64_t seconds_until(Time end, Time now) {
  return std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(end - now).count());
}

HttpResponse invalid_client(const std::string& why) {
  HttpResponse response = oauth_error(401, "invalid_client", why);
  response.headers.add("WWW-Authenticate", "Basic realm=\"sandbox\"");
  return response;
}

HttpResponse invalid_refresh_token(const SandboxSettings& settings) {
  return oauth_error(400, "invalid_grant", settings.bare_invalid_grant ? "" : "Incorrect or invalid refresh token");
}

// Intuit puts the description first here.
HttpResponse invalid_code(const SandboxSettings& settings) {
  if (settings.bare_invalid_grant) return oauth_error(400, "invalid_grant");
  return json_answer(400, json::object{{"error_description", "Token invalid"}, {"error", "invalid_grant"}});
}

// The client, or why it is none; a client that is known by its assertions is known by nothing else, and never by two things.
std::expected<const SandboxClient*, std::string> client_of(SandboxState& state, const HttpRequest& request,
                                                           const Parameters& form) {
  const bool asserts = count(form, "client_assertion") + count(form, "client_assertion_type") > 0;
  const SandboxClient* client = nullptr;
  if (!asserts) {
    client = authenticate(state.clients, request, form);
    if (client == nullptr) return std::unexpected("");
    if (!client->auth_method.empty()) return std::unexpected("this client authenticates by " + client->auth_method);
    return client;
  }
  if (request.headers.find("authorization") || count(form, "client_secret") > 0) {
    return std::unexpected("two ways to authenticate in one request");
  }
  client = find_client(state.clients, single(form, "client_id").value_or(""));
  if (client == nullptr || client->disabled || client->auth_method.empty()) return std::unexpected("");
  const std::string audience = client->assertion_audience.empty() ? state.issuer() : client->assertion_audience;
  std::string fault = state.assertions.fault_of(form, *client, audience);
  if (!fault.empty()) return std::unexpected(std::move(fault));
  return client;
}

bool is_form(const HttpRequest& request) {
  const auto type = request.headers.find("content-type");
  return type && equal_ignoring_case(trim(type->substr(0, type->find(';'))), "application/x-www-form-urlencoded");
}

HttpResponse success(SandboxState& state, const HttpRequest& request, const Grant& grant, const IdTokenFault& fault,
                     bool with_id_token) {
  const Time now = state.clock.now();
  const Issued issued = state.ledger.current(grant);
  json::object body{{"token_type", "bearer"},
                    {"access_token", issued.access_token},
                    {"expires_in", state.settings.access_lifetime.count() / 1000}};
  if (!issued.refresh_token.empty()) {
    body["refresh_token"] = issued.refresh_token;
    body["x_refresh_token_expires_in"] = seconds_until(issued.refresh_expires_at, now);
    if (request.headers.find("x-include-refresh-token-hard-expires-in") == "true") {
      body["x_refresh_token_hard_expires_in"] = seconds_until(grant.absolute_end, now);
    }
  }
  if (with_id_token && has_scope(grant.consent, "openid")) {
    const json::object claims = id_token_claims(grant.consent, state.settings, state.issuer(), now);
    const auto id_token = sign_id_token(state.keys, claims, fault, now);
    if (!id_token) return oauth_error(500, "server_error", id_token.error().message);
    body["id_token"] = *id_token;
  }
  return json_answer(200, body);
}

bool proves_possession(const IssuedCode& code, const Parameters& form) {
  if (code.challenge.empty()) return count(form, "code_verifier") == 0;
  const auto verifier = single(form, "code_verifier");
  return verifier && base64url_encode(sha256(*verifier)) == code.challenge;
}

HttpResponse redeem(SandboxState& state, const HttpRequest& request, const Parameters& form, const SandboxClient& client,
                    const IdTokenFault& fault) {
  const auto value = single(form, "code");
  if (!value) return oauth_error(400, "invalid_request", "code is missing");
  IssuedCode* code = state.ledger.code(*value);
  const Time now = state.clock.now();
  if (code == nullptr || code->consent.client_id != client.client_id) return invalid_code(state.settings);
  if (code->used) {
    // RFC 6749 4.1.2: what came of a code that is used twice is revoked.
    if (Grant* grant = state.ledger.by_id(code->grant)) state.ledger.end(*grant, "code_replay", now);
    return invalid_code(state.settings);
  }
  code->used = true;
  if (now >= code->expires_at || single(form, "redirect_uri") != code->redirect_uri || !proves_possession(*code, form)) {
    return invalid_code(state.settings);
  }
  Grant& grant = state.ledger.open(code->consent, state.rotation_for(client.client_id), state.settings, state.mint, now);
  code->grant = grant.id;
  grant.token_requests = 1;
  grant.most_in_flight = 1;
  return success(state, request, grant, fault, true);
}

HttpResponse renew(SandboxState& state, const HttpRequest& request, const Parameters& form, const SandboxClient& client,
                   const IdTokenFault& fault) {
  const auto presented = single(form, "refresh_token");
  if (!presented || presented->empty()) return oauth_error(400, "invalid_request", "refresh_token is missing");
  Grant* grant = state.ledger.by_token(*presented);
  if (grant == nullptr || grant->consent.client_id != client.client_id) return invalid_refresh_token(state.settings);
  const auto issued = state.ledger.refresh(*grant, *presented, state.rotation_for(client.client_id), state.settings,
                                           state.mint, state.clock.now());
  if (!issued) return invalid_refresh_token(state.settings);
  return success(state, request, *grant, fault, state.settings.id_token_on_refresh);
}

// The token of a revocation: JSON as Intuit documents it, or a form as others send it.
std::optional<std::string> token_to_revoke(const HttpRequest& request) { return single(parameters_in(request), "token"); }

bool is_dead_token(const SandboxState& state, const Grant& grant, std::string_view token, Time now) {
  if (!grant.alive) return true;
  const AccessState access = state.ledger.access_state(grant, token, now);
  if (access != AccessState::unknown) return access != AccessState::good;
  return grant.refresh_tokens.empty() || grant.refresh_tokens.back().value != token ||
         now >= grant.refresh_tokens.back().expires_at;
}

}  // namespace

Parameters parameters_in(const HttpRequest& request) {
  if (is_form(request)) return form_decode(request.body).value_or(Parameters{});
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  if (error || !body.is_object()) return {};
  Parameters parameters;
  for (const auto& [name, value] : body.as_object()) {
    if (value.is_string()) parameters.emplace_back(name, value.as_string());
  }
  return parameters;
}

HttpResponse token(SandboxState& state, const HttpRequest& request, const IdTokenFault& id_token_fault) {
  if (request.method != "POST") return method_not_allowed("POST");
  const auto form = is_form(request) ? form_decode(request.body) : std::nullopt;
  if (!form) return oauth_error(400, "invalid_request", "The body is not application/x-www-form-urlencoded");
  const auto known = client_of(state, request, *form);
  if (!known) return invalid_client(known.error());
  const SandboxClient* client = *known;
  const auto grant_type = single(*form, "grant_type");
  if (!grant_type) return oauth_error(400, "invalid_request", "grant_type is missing");
  state.changed = true;
  if (*grant_type == "authorization_code") return redeem(state, request, *form, *client, id_token_fault);
  if (*grant_type == "refresh_token") return renew(state, request, *form, *client, id_token_fault);
  return oauth_error(400, "unsupported_grant_type");
}

HttpResponse revoke(SandboxState& state, const HttpRequest& request) {
  if (request.method != "POST") return method_not_allowed("POST");
  const auto form = parameters_in(request);
  const auto known = client_of(state, request, form);
  if (!known) return invalid_client(known.error());
  const SandboxClient* client = *known;
  const auto value = token_to_revoke(request);
  if (!value) return oauth_error(400, "invalid_request", "token is missing");
  Grant* grant = state.ledger.by_token(*value);
  const Time now = state.clock.now();
  // Already revoked, expired or never issued: 400 without a body, as Intuit answers.
  if (grant == nullptr || grant->consent.client_id != client->client_id) return empty_answer(400);
  if (is_dead_token(state, *grant, *value, now)) return empty_answer(400);
  state.changed = true;
  state.ledger.end(*grant, "revoked", now);
  if (state.settings.revocation_ends_realm) {
    for (Grant& other : state.ledger.grants()) {
      if (other.consent.client_id == client->client_id && other.consent.realm == grant->consent.realm) {
        state.ledger.end(other, "revoked", now);
      }
    }
  }
  return empty_answer(200);
}

Grant* grant_of(SandboxState& state, const HttpRequest& request) {
  if (const auto bearer = bearer_of(request)) return state.ledger.by_token(*bearer);
  if (const auto form = is_form(request) ? form_decode(request.body) : std::nullopt) {
    const auto token = single(*form, count(*form, "refresh_token") > 0 ? "refresh_token" : "token");
    if (token) return state.ledger.by_token(*token);
    const auto code = single(*form, "code");
    const IssuedCode* issued = code ? state.ledger.code(*code) : nullptr;
    return issued == nullptr ? nullptr : state.ledger.by_id(issued->grant);
  }
  const auto token = token_to_revoke(request);
  return token ? state.ledger.by_token(*token) : nullptr;
}

}  // namespace evergrant
