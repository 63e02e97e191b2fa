#include "sandbox/api.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/encoding.hpp"
#include "sandbox/answers.hpp"
#include "sandbox/client_check.hpp"
#include "sandbox/identity.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

HttpResponse unauthenticated(const HttpRequest& request, std::string detail, Time now) {
  HttpResponse response = api_fault({.status = 401,
                                     .name = "AuthenticationFailed",
                                     .number = "003200",
                                     .type = "AUTHENTICATION",
                                     .detail = std::move(detail)},
                                    wants_xml(request), now);
  response.headers.add("WWW-Authenticate", R"(Bearer realm="Intuit", error="invalid_token")");
  return response;
}

HttpResponse forbidden(const HttpRequest& request, Time now) {
  return api_fault({.status = 403,
                    .name = "ApplicationAuthorizationFailed",
                    .number = "003100",
                    .type = "AUTHORIZATION",
                    .detail = "The application is not authorised for this company"},
                   wants_xml(request), now);
}

std::string why_not(const std::optional<std::string>& token, AccessState access) {
  if (!token) return "Token missing";
  if (token->size() < 32 || token->size() > 4096) return "Malformed bearer token: too short or too long";
  switch (access) {
    case AccessState::expired: return "Token expired";
    case AccessState::killed: return "Token revoked";
    case AccessState::good:
    case AccessState::unknown: return "Token invalid";
  }
  return "Token invalid";
}

// The grant whose access token came with the request and still works; otherwise the answer that says why not.
std::expected<Grant*, HttpResponse> admit(SandboxState& state, const HttpRequest& request) {
  const Time now = state.clock.now();
  const auto bearer = bearer_of(request);
  Grant* grant = bearer ? state.ledger.by_token(*bearer) : nullptr;
  const AccessState access = grant != nullptr ? state.ledger.access_state(*grant, *bearer, now) : AccessState::unknown;
  if (access != AccessState::good) return std::unexpected(unauthenticated(request, why_not(bearer, access), now));
  return grant;
}

json::object customer_json(const Customer& customer) {
  return {{"Id", std::to_string(customer.id)}, {"DisplayName", customer.display_name}, {"SyncToken", "0"}, {"Active", true}};
}

HttpResponse company_info(SandboxState& state, const std::string& realm) {
  const json::object info{{"CompanyName", state.company(realm).name},
                          {"LegalName", state.company(realm).name},
                          {"Country", "US"},
                          {"Id", "1"},
                          {"SyncToken", "0"},
                          {"domain", "QBO"},
                          {"sparse", false}};
  return json_answer(200, json::object{{"CompanyInfo", info}, {"time", to_rfc3339(state.clock.now())}});
}

HttpResponse query(SandboxState& state, const HttpRequest& request, const std::string& realm) {
  const Time now = state.clock.now();
  const auto parameters = form_decode(request.query);
  const auto text = parameters ? single(*parameters, "query") : std::nullopt;
  if (!text) return validation_fault("Required param missing", "query is missing", "2020", now);
  const auto words = split(to_lower_ascii(*text), ' ');
  if (words.size() < 4 || words[0] != "select" || words[1] != "*" || words[2] != "from") {
    return validation_fault("Error parsing query", "QueryParserError: select * from Customer, or from CompanyInfo", "4000",
                            now);
  }
  if (words[3] == "companyinfo") return company_info(state, realm);
  if (words[3] != "customer") return validation_fault("Invalid query", "QueryValidationError: no such entity", "4001", now);
  json::array customers;
  for (const auto& customer : state.customers) {
    if (customer.realm == realm) customers.push_back(customer_json(customer));
  }
  const auto total = customers.size();
  const json::object answer{{"Customer", std::move(customers)}, {"startPosition", 1}, {"maxResults", total}};
  return json_answer(200, json::object{{"QueryResponse", answer}, {"time", to_rfc3339(now)}});
}

HttpResponse add_customer(SandboxState& state, const HttpRequest& request, const std::string& realm) {
  const Time now = state.clock.now();
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  if (error || !body.is_object())
    return validation_fault("Invalid or unsupported payload", "The body is not a JSON object", "2010", now);
  const auto* name = body.as_object().if_contains("DisplayName");
  if (name == nullptr || !name->is_string() || name->as_string().empty()) {
    return validation_fault("Required param missing, need to supply the required value for the API",
                            "Required parameter DisplayName is missing in the request", "2020", now);
  }
  const std::string display_name{name->as_string()};
  const bool taken = std::ranges::any_of(
      state.customers, [&](const Customer& other) { return other.realm == realm && other.display_name == display_name; });
  if (taken) {
    return validation_fault("Duplicate Name Exists Error", "The name supplied already exists.", "6240", now);
  }
  const int id = state.customers.empty() ? 1 : state.customers.back().id + 1;
  state.customers.push_back({.id = id, .realm = realm, .display_name = display_name});
  state.changed = true;
  return json_answer(200, json::object{{"Customer", customer_json(state.customers.back())}, {"time", to_rfc3339(now)}});
}

}  // namespace

std::string realm_of_path(std::string_view path) {
  constexpr std::string_view start = "/v3/company/";
  if (!path.starts_with(start)) return {};
  path.remove_prefix(start.size());
  return percent_decode(path.substr(0, path.find('/'))).value_or("");
}

HttpResponse accounting_api(SandboxState& state, const HttpRequest& request) {
  const Time now = state.clock.now();
  const auto grant = admit(state, request);
  if (!grant) return grant.error();
  const Consent& consent = (*grant)->consent;
  const std::string realm = realm_of_path(request.path);
  if (consent.realm != realm || !has_realm_scope(consent.scope)) return forbidden(request, now);
  const auto pieces = split(request.path, '/');  // v3, company, {realm}, what, …
  const std::string what = pieces.size() > 3 ? pieces[3] : "";
  if (what == "companyinfo" && request.method == "GET" && pieces.size() == 5 && pieces[4] == pieces[2]) {
    return company_info(state, realm);
  }
  if (what == "query" && request.method == "GET" && pieces.size() == 4) return query(state, request, realm);
  if (what == "customer" && request.method == "POST" && pieces.size() == 4) return add_customer(state, request, realm);
  return validation_fault("Unsupported Operation", "companyinfo, query and customer are what this sandbox has", "500", now);
}

HttpResponse userinfo(SandboxState& state, const HttpRequest& request) {
  if (request.method != "GET" && request.method != "POST") return method_not_allowed("GET, POST");
  const auto grant = admit(state, request);
  if (!grant) return grant.error();
  if (!has_scope((*grant)->consent, "openid")) {
    HttpResponse response = oauth_error(403, "insufficient_scope");
    response.headers.add("WWW-Authenticate", R"(Bearer error="insufficient_scope", scope="openid")");
    return response;
  }
  return json_answer(200, userinfo_of((*grant)->consent));
}

namespace {

// The usual two, and what a client was set to.
json::array auth_methods(const SandboxState& state) {
  json::array methods{"client_secret_post", "client_secret_basic"};
  for (const std::string_view further : {"private_key_jwt", "client_secret_jwt"}) {
    const auto uses = [further](const SandboxClient& client) { return client.auth_method == further; };
    if (std::ranges::any_of(state.clients, uses)) methods.emplace_back(further);
  }
  return methods;
}

}  // namespace

json::object metadata(const SandboxState& state) {
  const std::string& base = state.options.base_url;
  json::object document{{"issuer", state.issuer()},
                        {"authorization_endpoint", base + "/authorize"},
                        {"token_endpoint", base + "/token"},
                        {"userinfo_endpoint", base + "/userinfo"},
                        {"revocation_endpoint", base + "/revoke"},
                        {"jwks_uri", base + "/jwks"},
                        {"response_types_supported", json::array{"code"}},
                        {"subject_types_supported", json::array{"public"}},
                        {"id_token_signing_alg_values_supported", json::array{"RS256"}},
                        {"scopes_supported", json::array{"openid", "email", "profile", "address", "phone"}},
                        {"token_endpoint_auth_methods_supported", auth_methods(state)},
                        {"claims_supported", json::array{"aud", "exp", "iat", "iss", "realmid", "sub"}}};
  if (state.settings.pkce != PkceRule::quiet) document["code_challenge_methods_supported"] = json::array{"S256"};
  if (state.settings.iss_parameter) document["authorization_response_iss_parameter_supported"] = true;
  return document;
}

HttpResponse throttled(const HttpRequest& request, std::string detail, Time now) {
  HttpResponse response = api_fault(
      {.status = 429, .name = "ThrottleExceeded", .number = "003001", .type = "THROTTLE", .detail = std::move(detail)},
      wants_xml(request), now);
  return response;
}

}  // namespace evergrant
