#include "sandbox/authorize.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "sandbox/answers.hpp"
#include "sandbox/client_check.hpp"
#include "sandbox/identity.hpp"
#include "sandbox/pages.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::size_t pages_open = 1000;
constexpr Duration page_lifetime = std::chrono::minutes{10};
constexpr std::string_view cookie_name = "evergrant_sandbox_browser";

constexpr std::array<std::string_view, 18> intuit_scopes{"com.intuit.quickbooks.accounting",
                                                         "com.intuit.quickbooks.payment",
                                                         "openid",
                                                         "profile",
                                                         "email",
                                                         "phone",
                                                         "address",
                                                         "payroll.compensation.read",
                                                         "project-management.project",
                                                         "app-foundations.custom-dimensions.read",
                                                         "app-foundations.custom-field-definitions",
                                                         "app-foundations.custom-field-definitions.read",
                                                         "time-tracking.time-entry",
                                                         "indirect-tax.tax-calculation.quickbooks",
                                                         "com.intuit.quickbooks.payroll",
                                                         "com.intuit.quickbooks.payroll.timetracking",
                                                         "com.intuit.quickbooks.payroll.benefits",
                                                         "intuit_name"};

bool is_known_scope(std::string_view scope, const SandboxSettings& settings) {
  if (std::ranges::find(intuit_scopes, scope) != intuit_scopes.end()) return true;
  return std::ranges::find(settings.extra_scopes, scope) != settings.extra_scopes.end();
}

std::string with_parameters(const std::string& uri, const Parameters& parameters) {
  return uri + (uri.find('?') == std::string::npos ? '?' : '&') + form_encode(parameters);
}

HttpResponse send_back(const SandboxState& state, const std::string& redirect_uri, Parameters parameters,
                       const std::string& client_state) {
  if (!client_state.empty()) parameters.emplace_back("state", client_state);
  if (state.settings.iss_parameter) parameters.emplace_back("iss", state.issuer());
  return redirect_answer(with_parameters(redirect_uri, parameters));
}

HttpResponse refuse(const SandboxState& state, const AuthorizationRefusal& refusal) {
  if (refusal.redirect_uri.empty()) return page_answer(400, refusal_page(refusal.error, refusal.description));
  Parameters parameters{{"error", refusal.error}};
  if (!refusal.description.empty()) parameters.emplace_back("error_description", refusal.description);
  return send_back(state, refusal.redirect_uri, std::move(parameters), refusal.state);
}

HttpResponse grant(SandboxState& state, const AuthorizationAsk& ask, const std::string& realm) {
  const Time now = state.clock.now();
  (void)state.company(realm);  // a realm that is new gets its company
  IssuedCode code{.consent = {.client_id = ask.client_id,
                              .realm = realm,
                              .scope = ask.scope,
                              .nonce = ask.nonce,
                              .realm_claim = ask.realm_claim,
                              .at = now},
                  .redirect_uri = ask.redirect_uri,
                  .challenge = ask.challenge,
                  .expires_at = now + state.settings.code_lifetime,
                  .used = false,
                  .grant = {}};
  Parameters parameters{{"code", state.ledger.issue_code(std::move(code), state.mint)}};
  if (has_realm_scope(ask.scope)) parameters.emplace_back("realmId", realm);
  return send_back(state, ask.redirect_uri, std::move(parameters), ask.state);
}

HttpResponse deny(const SandboxState& state, const AuthorizationAsk& ask) {
  return send_back(state, ask.redirect_uri, {{"error", "access_denied"}}, ask.state);
}

std::string cookie_of(const HttpRequest& request) {
  const auto header = request.headers.find("cookie");
  if (!header) return {};
  for (const auto& piece : split(*header, ';')) {
    const std::string_view pair = trim(piece);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == cookie_name)
      return std::string{pair.substr(equals + 1)};
  }
  return {};
}

HttpResponse show_page(SandboxState& state, const HttpRequest& request, AuthorizationAsk ask) {
  const Time now = state.clock.now();
  std::erase_if(state.pages, [&](const auto& entry) { return entry.second.expires_at <= now; });
  if (state.pages.size() >= pages_open) return page_answer(503, refusal_page("busy", "Too many consent pages are open."));
  // A second page in the same browser keeps the first one working.
  std::string cookie = cookie_of(request);
  if (cookie.size() != 43 || !base64url_decode(cookie)) cookie = state.mint.page_token();
  const std::string form_token = state.mint.page_token();
  HttpResponse response = page_answer(200, consent_page(ask, state.companies, form_token));
  response.headers.add("Set-Cookie",
                       std::string{cookie_name} + "=" + cookie + "; HttpOnly; SameSite=Lax; Path=/authorize; Max-Age=600");
  state.pages.emplace(
      form_token,
      OpenPage{
          .ask = std::move(ask), .form_token = form_token, .cookie = std::move(cookie), .expires_at = now + page_lifetime});
  return response;
}

// {"id_token":{"realmId":null}}
bool asks_realm_claim(const Parameters& parameters) {
  const auto claims = single(parameters, "claims");
  if (!claims) return false;
  boost::system::error_code error;
  const json::value parsed = json::parse(*claims, error);
  if (error || !parsed.is_object()) return false;
  const auto* id_token = parsed.as_object().if_contains("id_token");
  return id_token != nullptr && id_token->is_object() && id_token->as_object().contains("realmId");
}

// What is wrong with a request whose redirect URI can be trusted; an empty error: nothing.
std::pair<std::string, std::string> flaw_of(const Parameters& parameters, const SandboxSettings& settings) {
  for (const auto& [name, value] : parameters) {
    if (count(parameters, name) > 1) return {"invalid_request", "A parameter occurs twice"};
  }
  const auto response_type = single(parameters, "response_type");
  if (!response_type) return {"invalid_request", "response_type is missing"};
  if (*response_type != "code") return {"unsupported_response_type", "response_type must be code"};
  if (single(parameters, "state").value_or("").empty()) return {"invalid_request", "state is missing"};
  const auto scopes = split(single(parameters, "scope").value_or(""), ' ');
  if (scopes.empty()) return {"invalid_scope", "scope is missing"};
  for (const auto& scope : scopes) {
    if (!is_known_scope(scope, settings)) return {"invalid_scope", "A scope is unknown"};
  }
  const bool challenged = count(parameters, "code_challenge") == 1;
  if (!challenged && settings.pkce == PkceRule::required) return {"invalid_request", "code_challenge is required"};
  if (challenged && single(parameters, "code_challenge_method").value_or("plain") != "S256") {
    return {"invalid_request", "code_challenge_method must be S256"};
  }
  if (challenged && single(parameters, "code_challenge")->size() != 43) {
    return {"invalid_request", "code_challenge is not a SHA-256 in base64url"};
  }
  return {};
}

}  // namespace

std::expected<AuthorizationAsk, AuthorizationRefusal> judge_authorization(const Parameters& parameters,
                                                                          const std::vector<SandboxClient>& clients,
                                                                          const SandboxSettings& settings) {
  const auto stay = [](std::string description) {
    return std::unexpected(AuthorizationRefusal{{}, {}, "invalid_request", std::move(description)});
  };
  const auto client_id = single(parameters, "client_id");
  const SandboxClient* client = client_id ? find_client(clients, *client_id) : nullptr;
  if (client == nullptr || client->disabled) return stay("The client_id is not known here.");
  const auto redirect_uri = single(parameters, "redirect_uri");
  if (!redirect_uri || !may_redirect_to(*client, *redirect_uri)) {
    return stay("The redirect_uri is not one of this client's, character by character.");
  }
  const std::string client_state = single(parameters, "state").value_or("");
  const auto [error, description] = flaw_of(parameters, settings);
  if (!error.empty()) return std::unexpected(AuthorizationRefusal{*redirect_uri, client_state, error, description});
  return AuthorizationAsk{.client_id = *client_id,
                          .redirect_uri = *redirect_uri,
                          .scope = split(*single(parameters, "scope"), ' '),
                          .state = client_state,
                          .nonce = single(parameters, "nonce").value_or(""),
                          .challenge = single(parameters, "code_challenge").value_or(""),
                          .login_hint = single(parameters, "login_hint").value_or(""),
                          .realm_claim = asks_realm_claim(parameters)};
}

HttpResponse authorize(SandboxState& state, const HttpRequest& request) {
  if (request.method != "GET") return method_not_allowed("GET");
  const auto parameters = form_decode(request.query);
  if (!parameters) return page_answer(400, refusal_page("invalid_request", "The query is not form-encoded."));
  auto ask = judge_authorization(*parameters, state.clients, state.settings);
  if (!ask) return refuse(state, ask.error());
  if (state.settings.auto_consent_by_hint) {
    constexpr std::string_view realm_hint = "realm:";
    if (ask->login_hint == "deny") return deny(state, *ask);
    if (ask->login_hint.starts_with(realm_hint)) {
      const std::string realm = ask->login_hint.substr(realm_hint.size());
      if (is_realm(realm)) return grant(state, *ask, realm);
    }
  }
  return show_page(state, request, std::move(*ask));
}

HttpResponse consent(SandboxState& state, const HttpRequest& request) {
  if (request.method != "POST") return method_not_allowed("POST");
  const auto form = form_decode(request.body);
  const std::string form_token = form ? single(*form, "form").value_or("") : "";
  const auto found = state.pages.find(form_token);
  const auto stale = [] {
    return page_answer(403, refusal_page("page_expired",
                                         "This consent page is over, was answered, or belongs to another browser. "
                                         "Begin again in the application."));
  };
  if (found == state.pages.end() || found->second.expires_at <= state.clock.now()) return stale();
  if (!equal_in_constant_time(found->second.cookie, cookie_of(request))) return stale();
  const AuthorizationAsk ask = found->second.ask;
  if (single(*form, "decision") == "cancel") {
    state.pages.erase(found);
    return deny(state, ask);
  }
  const std::string typed{trim(single(*form, "new_realm").value_or(""))};
  const std::string realm = typed.empty() ? single(*form, "realm").value_or("") : typed;
  if (single(*form, "decision") != "connect" || !is_realm(realm)) {
    return page_answer(400, refusal_page("invalid_request",
                                         "Go back and choose a company, or type a realm of letters, digits, "
                                         "dots, dashes and underscores."));
  }
  state.pages.erase(found);
  return grant(state, ask, realm);
}

}  // namespace evergrant
