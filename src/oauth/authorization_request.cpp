#include "oauth/authorization_request.hpp"

#include <algorithm>
#include <map>

#include "base/contains.hpp"
#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "oauth/profile_url.hpp"

namespace evergrant {
namespace {

std::string where(const Registration& registration) { return "registration '" + registration.id.str() + "': "; }

constexpr std::size_t longest_max_age = 9;  // digits: three decades

// AUTH-15: what a profile or a registration adds must make sense together.
Result<> check_extra_parameters(const Registration& registration) {
  const auto& extra = registration.provider.authorize.extra_parameters;
  if (const auto prompt = extra.find("prompt"); prompt != extra.end()) {
    const auto values = split(prompt->second, ' ');
    if (values.size() > 1 && contains(values, "none")) {
      return fail(Errc::invalid_argument, where(registration) + "prompt=none is combined with another prompt value",
                  "keep \"none\" alone, or remove it, in authorize.extra_parameters");
    }
  }
  if (const auto age = extra.find("max_age"); age != extra.end()) {
    const bool digits = std::ranges::all_of(age->second, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || age->second.size() > longest_max_age) {
      return fail(Errc::invalid_argument, where(registration) + "max_age is not a number of seconds of at most nine digits",
                  "write digits only in authorize.extra_parameters");
    }
  }
  return {};
}

// AUTH-07: PKCE is what the profile says; a flow that lacks its verifier is not sent without it.
Result<> add_challenge(const Registration& registration, const Secret& verifier, Parameters& out) {
  if (registration.provider.authorize.pkce == Presence::omit) return {};
  if (verifier.empty()) {
    return fail(Errc::invalid_argument, where(registration) + "the flow has no PKCE verifier, and the profile asks for PKCE",
                "start the flow again");
  }
  out.emplace_back("code_challenge", base64url_encode(sha256(verifier.reveal())));
  out.emplace_back("code_challenge_method", "S256");
  return {};
}

Result<Parameters> parameters_of(const Registration& registration, const AuthorizationRequest& request,
                                 const FlowSecrets& secrets) {
  const Provider& provider = registration.provider;
  Parameters out{{"response_type", "code"}};
  out.emplace_back(provider.token.client_id_parameter, registration.client_id);
  out.emplace_back("redirect_uri", registration.redirect_uri);
  if (!request.scope.empty()) {
    out.emplace_back(provider.authorize.scope_parameter, join(request.scope, provider.authorize.scope_separator));
  }
  out.emplace_back("state", std::string{secrets.state.reveal()});
  if (auto added = add_challenge(registration, secrets.verifier, out); !added) return std::unexpected(added.error());
  if (!secrets.nonce.empty()) out.emplace_back("nonce", std::string{secrets.nonce.reveal()});
  if (provider.authorize.response_mode == ResponseMode::form_post) out.emplace_back("response_mode", "form_post");
  if (!request.login_hint.empty()) out.emplace_back("login_hint", request.login_hint);
  for (const auto& [name, value] : provider.authorize.extra_parameters) {
    // An override sets a parameter of its profile to nothing in order to remove it; some providers refuse empty ones.
    if (!value.empty()) out.emplace_back(name, value);
  }
  return out;
}

Result<> refuse_duplicates(const Registration& registration, std::string_view query, const Parameters& ours) {
  auto all = form_decode(query);
  if (!all) {
    return fail(Errc::invalid_argument, where(registration) + "the query of the authorization endpoint is not well-formed",
                "correct endpoints.authorize in the provider's profile");
  }
  all->insert(all->end(), ours.begin(), ours.end());
  for (const auto& [name, value] : *all) {
    if (count(*all, name) < 2) continue;
    return fail(Errc::invalid_argument,
                where(registration) + "the authorization request would carry '" + printable(name, 60) + "' twice",
                "remove it from authorize.extra_parameters or from the query of endpoints.authorize");
  }
  return {};
}

}  // namespace

FlowSecrets make_flow_secrets(const Registration& registration, const std::vector<std::string>& scope, Random& random) {
  const AuthorizeProfile& profile = registration.provider.authorize;
  FlowSecrets secrets;
  secrets.state = random.token();
  if (profile.pkce != Presence::omit) secrets.verifier = random.token();
  if (profile.nonce != Presence::omit && contains(scope, "openid")) secrets.nonce = random.token();
  return secrets;
}

Result<std::string> build_authorization_url(const Registration& registration, const AuthorizationRequest& request,
                                            const FlowSecrets& secrets) {
  const std::string& endpoint = request.authorize_endpoint;
  if (const auto problem = url_problem(endpoint, registration.provider.allow_loopback_http)) {
    return fail(Errc::invalid_argument, where(registration) + "authorization endpoint: " + *problem,
                "correct endpoints.authorize in the provider's profile, or the provider's metadata");
  }
  if (secrets.state.empty()) {
    return fail(Errc::invalid_argument, where(registration) + "the flow has no state", "start the flow again");
  }
  if (auto checked = check_extra_parameters(registration); !checked) return std::unexpected(checked.error());
  const auto parameters = parameters_of(registration, request, secrets);
  if (!parameters) return std::unexpected(parameters.error());
  const auto mark = endpoint.find('?');
  const std::string query = mark == std::string::npos ? "" : endpoint.substr(mark + 1);
  if (auto unique = refuse_duplicates(registration, query, *parameters); !unique) return std::unexpected(unique.error());
  std::string url = endpoint;
  if (mark == std::string::npos) {
    url += '?';
  } else if (!query.empty() && !query.ends_with('&')) {
    url += '&';
  }
  return url + form_encode(*parameters);
}

Result<std::vector<std::string>> choose_scope(const Registration& registration, const std::vector<std::string>& asked) {
  const auto& configured =
      registration.scopes.empty() ? registration.provider.authorize.default_scopes : registration.scopes;
  if (asked.empty()) return configured;
  std::vector<std::string> chosen;
  for (const auto& scope : asked) {
    if (!contains(configured, scope)) {
      return fail(Errc::invalid_argument, where(registration) + "scope '" + printable(scope, 100) + "' is not allowed",
                  "allowed: " + (configured.empty() ? std::string{"none"} : printable(join(configured, " "), 500)) +
                      "; add it to the registration's scopes to allow it");
    }
    if (!contains(chosen, scope)) chosen.push_back(scope);
  }
  return chosen;
}

}  // namespace evergrant
