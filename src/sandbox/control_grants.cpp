#include "sandbox/control_grants.hpp"

#include <boost/json.hpp>

#include "sandbox/answers.hpp"
#include "sandbox/client_check.hpp"
#include "sandbox/grant_json.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

HttpResponse invalid(std::string message, std::string hint) {
  return problem(400, {Errc::invalid_argument, std::move(message), std::move(hint)});
}

HttpResponse list(const SandboxState& state, const Parameters& query, ShowTokens tokens) {
  const auto realm = single(query, "realm");
  json::array grants;
  for (const auto& grant : state.ledger.grants()) {
    if (!realm || grant.consent.realm == *realm) grants.push_back(describe(grant, tokens));
  }
  return json_answer(200, json::object{{"grants", std::move(grants)}});
}

std::string text_or(const json::object& body, std::string_view name, std::string_view fallback) {
  const auto* value = body.if_contains(name);
  return value != nullptr && value->is_string() ? std::string{value->as_string()} : std::string{fallback};
}

// A grant without a browser: for imports and for many at once. Its tokens are in the answer.
HttpResponse open(SandboxState& state, const json::object& body) {
  for (const auto& [name, value] : body) {
    if ((name != "client_id" && name != "realm" && name != "scope") || !value.is_string()) {
      return invalid(std::string{name} + ": no such member, or not a text", "client_id, realm, scope");
    }
  }
  const std::string client_id = text_or(body, "client_id", state.clients.empty() ? "" : state.clients.front().client_id);
  if (find_client(state.clients, client_id) == nullptr) return invalid("client_id: no such client", "GET /control/clients");
  const std::string realm = text_or(body, "realm", "4620816365000000001");
  if (!is_realm(realm)) return invalid("realm: not a realm", "1 to 64 letters, digits, dots, dashes and underscores");
  const Time now = state.clock.now();
  (void)state.company(realm);
  const Grant& grant = state.ledger.open({.client_id = client_id,
                                          .realm = realm,
                                          .scope = split(text_or(body, "scope", "com.intuit.quickbooks.accounting"), ' '),
                                          .nonce = {},
                                          .realm_claim = false,
                                          .at = now},
                                         state.rotation_for(client_id), state.settings, state.mint, now);
  state.changed = true;
  const Issued issued = state.ledger.current(grant);
  json::object answer = describe(grant, ShowTokens::no);
  answer["access_token"] = issued.access_token;
  answer["expires_in"] = state.settings.access_lifetime.count() / 1000;
  if (!issued.refresh_token.empty()) answer["refresh_token"] = issued.refresh_token;
  return json_answer(201, answer);
}

HttpResponse expire(SandboxState& state, Grant& grant, const json::object& body) {
  const std::string what = text_or(body, "what", "access");
  const Time now = state.clock.now();
  if (what == "access") {
    for (auto& token : grant.access_tokens) token.expires_at = std::min(token.expires_at, now);
  } else if (what == "refresh") {
    for (auto& token : grant.refresh_tokens) token.expires_at = std::min(token.expires_at, now);
  } else {
    return invalid("what: neither access nor refresh", R"({"what":"access"})");
  }
  return json_answer(200, describe(grant, ShowTokens::no));
}

}  // namespace

HttpResponse control_grants(SandboxState& state, std::string_view method, const std::vector<std::string>& path,
                            const Parameters& query, const json::object& body) {
  const ShowTokens tokens = single(query, "tokens") == "1" ? ShowTokens::yes : ShowTokens::no;
  if (path.size() == 1 && method == "GET") return list(state, query, tokens);
  if (path.size() == 1 && method == "POST") return open(state, body);
  Grant* grant = path.size() > 1 ? state.ledger.by_id(path[1]) : nullptr;
  if (grant == nullptr) return problem(404, {Errc::not_found, "no such grant", "GET /control/grants lists them"});
  if (path.size() == 2 && method == "GET") return json_answer(200, describe(*grant, tokens));
  if (path.size() != 3 || method != "POST") {
    return problem(404, {Errc::not_found, "a grant has no such method and path", "docs/sandbox.md lists them"});
  }
  state.changed = true;
  if (path[2] == "expire") return expire(state, *grant, body);
  if (path[2] != "revoke") return problem(404, {Errc::not_found, "no such action", "revoke or expire"});
  state.ledger.end(*grant, "provider", state.clock.now());
  return json_answer(200, describe(*grant, ShowTokens::no));
}

}  // namespace evergrant
