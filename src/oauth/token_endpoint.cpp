#include "oauth/token_endpoint.hpp"

#include <algorithm>

#include "oauth/client_authentication.hpp"
#include "oauth/profile_url.hpp"
#include "oauth/request_body.hpp"
#include "oauth/server_metadata.hpp"

namespace evergrant {
namespace {

Result<> add_extra_parameters(const Registration& registration, Parameters& parameters) {
  for (const auto& [name, value] : registration.provider.token.extra_parameters) {
    if (count(parameters, name) > 0) {
      return fail(Errc::invalid_argument,
                  in_message(registration) + "token.extra_parameters sets '" + printable(name, 60) + "' again",
                  "remove it: evergrant sets this parameter itself");
    }
    parameters.emplace_back(name, value);
  }
  return {};
}

Result<> check_endpoint(const Registration& registration, const std::string& url) {
  const auto problem = url_problem(url, registration.provider.allow_loopback_http);
  if (!problem) return {};
  return fail(Errc::invalid_argument, in_message(registration) + "token endpoint: " + *problem,
              "correct endpoints.token in the provider's profile, or the provider's metadata");
}

Result<OutboundRequest> build_request(const Registration& registration, const std::string& url, Parameters parameters,
                                      const Secret& client_secret, const AssertionFacts& facts, Duration timeout) {
  const Provider& provider = registration.provider;
  OutboundRequest request;
  request.method = "POST";
  request.url = url;
  request.timeout = timeout;
  request.connect_timeout = std::min(request.connect_timeout, timeout);
  request.address_rule = address_rule_for(provider, url);
  request.allow_loopback_http = provider.allow_loopback_http;
  for (const auto& [name, value] : provider.token.headers) request.headers.set(name, value);
  request.headers.set("Accept", "application/json");
  auto authenticated = authenticate_client(registration, client_secret, facts, request.headers, parameters);
  if (authenticated) set_body(request, parameters, provider.token.body);
  wipe_values(parameters);
  if (!authenticated) return std::unexpected(authenticated.error());
  return request;
}

// CA-11: this answer proves that the provider did nothing but look at our credentials.
bool refuses_the_client(const Result<HttpResponse>& response, const Provider& provider, const SentTokenRequest& sent) {
  if (!response) return false;
  const Verdict verdict = judge_token_answer(*response, provider, sent, sent.sent_at);
  return verdict.failure == FailureClass::registration && verdict.code == "invalid_client";
}

}  // namespace

TokenEndpoint::TokenEndpoint(HttpTransport& transport, Clock& clock, Random& random)
    : transport_{transport}, clock_{clock}, random_{random} {}

Task<Result<RawTokenAnswer>> TokenEndpoint::exchange_code(const Registration& registration, std::string token_url,
                                                          Secret code, Secret verifier, std::vector<std::string> scope,
                                                          Duration timeout) {
  Parameters parameters{{"grant_type", "authorization_code"}};
  parameters.emplace_back("code", std::string{code.reveal()});
  parameters.emplace_back("redirect_uri", registration.redirect_uri);
  if (!verifier.empty()) parameters.emplace_back("code_verifier", std::string{verifier.reveal()});
  SentTokenRequest sent{.sent_at = clock_.now(), .scope = std::move(scope)};
  co_return co_await post(registration, std::move(token_url), std::move(parameters), std::move(sent), timeout);
}

Task<Result<RawTokenAnswer>> TokenEndpoint::refresh(const Registration& registration, std::string token_url,
                                                    Secret credential, std::vector<std::string> granted_scope,
                                                    Duration timeout, std::string pair) {
  const RefreshProfile& profile = registration.provider.refresh;
  if (profile.mode == RefreshMode::none) {
    co_return fail(Errc::unsupported, in_message(registration) + "this provider has no way to refresh",
                   "let the customer connect again when the access token ends");
  }
  Parameters parameters{{"grant_type", profile.grant_type}};
  parameters.emplace_back(profile.credential_parameter, std::string{credential.reveal()});
  SentTokenRequest sent{.sent_at = clock_.now(), .scope = std::move(granted_scope), .pair = std::move(pair)};
  co_return co_await post(registration, std::move(token_url), std::move(parameters), std::move(sent), timeout);
}

Task<Result<RawTokenAnswer>> TokenEndpoint::post(const Registration& registration, std::string url, Parameters parameters,
                                                 SentTokenRequest sent, Duration timeout) {
  const Duration budget = timeout;
  auto prepared = check_endpoint(registration, url);
  if (prepared) prepared = add_extra_parameters(registration, parameters);
  if (!prepared) {
    wipe_values(parameters);
    co_return std::unexpected(prepared.error());
  }
  const auto& secrets = registration.client_secrets;
  const Secret no_secret;
  auto request = build_request(registration, url, parameters, secrets.empty() ? no_secret : secrets[0].value,
                               fresh_facts(registration, url, clock_, random_), timeout);
  if (!request) {
    wipe_values(parameters);
    co_return std::unexpected(request.error());
  }
  const Time began = sent.sent_at;
  auto response = co_await transport_.send(std::move(*request));
  const Duration left = budget - (clock_.now() - began);
  if (secrets.size() > 1 && left > Duration{0} && refuses_the_client(response, registration.provider, sent)) {
    request = build_request(registration, url, parameters, secrets[1].value, fresh_facts(registration, url, clock_, random_),
                            std::min(left, budget));
    if (!request) {
      wipe_values(parameters);
      co_return std::unexpected(request.error());
    }
    sent.sent_at = clock_.now();
    response = co_await transport_.send(std::move(*request));
  }
  wipe_values(parameters);
  if (!response) co_return std::unexpected(response.error());
  co_return RawTokenAnswer{.response = std::move(*response), .sent = std::move(sent)};
}

}  // namespace evergrant
