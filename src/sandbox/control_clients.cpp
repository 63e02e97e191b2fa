#include "sandbox/control_clients.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "sandbox/answers.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

json::object client_json(const SandboxClient& client) {
  return {{"client_id", client.client_id},
          {"redirect_uris", json::array(client.redirect_uris.begin(), client.redirect_uris.end())},
          {"any_loopback_redirect", client.any_loopback_redirect},
          {"disabled", client.disabled},
          {"auth_method", client.auth_method},
          {"jwks_uri", client.jwks_uri},
          {"assertion_audience", client.assertion_audience},
          {"rotation", client.rotation ? json::value(rotation_name(*client.rotation)) : json::value(nullptr)}};
}

bool set_rotation(const json::value& value, SandboxClient& client) {
  if (value.is_null()) {
    client.rotation.reset();
    return true;
  }
  const auto rotation = value.is_string() ? rotation_from(std::string_view{value.as_string()})
                                          : fail(Errc::invalid_argument, "rotation: not a text");
  if (rotation) client.rotation = *rotation;
  return rotation.has_value();
}

bool set_redirect_uris(const json::value& value, SandboxClient& client) {
  if (!value.is_array()) return false;
  std::vector<std::string> uris;
  for (const auto& uri : value.as_array()) {
    if (!uri.is_string()) return false;
    uris.emplace_back(uri.as_string());
  }
  client.redirect_uris = std::move(uris);
  return true;
}

bool set_flag(const json::value& value, bool& flag) {
  if (value.is_bool()) flag = value.as_bool();
  return value.is_bool();
}

bool set_text(const json::value& value, std::string& text) {
  if (value.is_string()) text = value.as_string();
  return value.is_string();
}

bool set_auth_method(const json::value& value, SandboxClient& client) {
  const bool known = value == "" || value == "private_key_jwt" || value == "client_secret_jwt";
  return known && set_text(value, client.auth_method);
}

// As a client would register it (RFC 7591 2): the object itself.
bool set_jwks(const json::value& value, SandboxClient& client) {
  if (!value.is_object()) return false;
  client.jwks = json::serialize(value);
  return parse_jwk_set(client.jwks).has_value();
}

bool set_member(std::string_view name, const json::value& value, SandboxClient& client) {
  if (name == "client_id") return value.is_string();
  if (name == "client_secret") return set_text(value, client.client_secret);
  if (name == "auth_method") return set_auth_method(value, client);
  if (name == "jwks") return set_jwks(value, client);
  if (name == "jwks_uri") return set_text(value, client.jwks_uri);
  if (name == "assertion_audience") return set_text(value, client.assertion_audience);
  if (name == "redirect_uris") return set_redirect_uris(value, client);
  if (name == "any_loopback_redirect") return set_flag(value, client.any_loopback_redirect);
  if (name == "disabled") return set_flag(value, client.disabled);
  if (name == "rotation") return set_rotation(value, client);
  return false;
}

HttpResponse change(SandboxState& state, const json::object& body) {
  const auto* id = body.if_contains("client_id");
  if (id == nullptr || !id->is_string() || id->as_string().empty()) {
    return problem(400, {Errc::invalid_argument, "client_id: missing", "name the client to change or add"});
  }
  auto known = std::ranges::find(state.clients, std::string_view{id->as_string()}, &SandboxClient::client_id);
  SandboxClient changed;
  changed.client_id = id->as_string();
  if (known != state.clients.end()) changed = *known;
  for (const auto& [name, value] : body) {
    if (!set_member(name, value, changed)) {
      return problem(400, {Errc::invalid_argument, std::string{name} + ": no such member, or not a value of it",
                           "client_id, client_secret, redirect_uris, any_loopback_redirect, disabled, rotation, "
                           "auth_method, jwks, jwks_uri, "
                           "assertion_audience"});
    }
  }
  const bool added = known == state.clients.end();
  if (added) known = state.clients.emplace(state.clients.end());
  *known = std::move(changed);
  return json_answer(added ? 201 : 200, client_json(*known));
}

}  // namespace

HttpResponse control_clients(SandboxState& state, std::string_view method, const json::object& body) {
  if (method == "POST") return change(state, body);
  json::array clients;
  for (const auto& client : state.clients) clients.push_back(client_json(client));
  return json_answer(200, json::object{{"clients", std::move(clients)}});
}

}  // namespace evergrant
