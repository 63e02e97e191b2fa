#include "api/openapi.hpp"

#include "api/route.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

json::object reference(std::string_view schema) { return {{"$ref", "#/components/schemas/" + std::string{schema}}}; }

json::object content(std::string_view media, std::string_view schema) {
  return {{media, json::object{{"schema", reference(schema)}}}};
}

std::string_view describe(std::string_view parameter) {
  if (parameter == "min_ttl") return "Least remaining life of the token, in seconds; clamped to what the provider gives";
  if (parameter == "wait")
    return "How long to wait for a refresh, in seconds (0 to 120); absent: as configured, or 2 while the token is valid";
  if (parameter == "limit") return "Items on a page, 1 to 200";
  if (parameter == "cursor") return "`next` of the page before";
  if (parameter == "force") return "true: revoke at the provider even if another connection shares the grant";
  if (parameter == "pair") return "Which token pair, where the provider gives several (user); absent: the main one";
  if (parameter == "pairs") return "true: rows of further token pairs too, each with its `main`";
  if (parameter == "status") return "active, reauth_required, revoking, revoked or quarantined";
  return "Only those of this ";
}

json::array parameters_of(const Route& route) {
  json::array parameters;
  for (std::size_t open = route.pattern.find('{'); open != std::string_view::npos;
       open = route.pattern.find('{', open + 1)) {
    const auto name = route.pattern.substr(open + 1, route.pattern.find('}', open) - open - 1);
    parameters.push_back(json::object{{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  if (route.query == "*") return parameters;
  for (const auto& name : split(route.query, ' ')) {
    const bool number = name == "min_ttl" || name == "wait" || name == "limit";
    std::string text{describe(name)};
    if (text.ends_with("this ")) text += name;
    parameters.push_back(json::object{
        {"name", name}, {"in", "query"}, {"description", text}, {"schema", {{"type", number ? "integer" : "string"}}}});
  }
  if (route.idempotent) {
    parameters.push_back(json::object{{"name", "Idempotency-Key"},
                                      {"in", "header"},
                                      {"description", "The same key and request give the same answer for a day"},
                                      {"schema", {{"type", "string"}, {"maxLength", 200}}}});
  }
  return parameters;
}

std::string_view success_text(int status) {
  switch (status) {
    case 201: return "Created";
    case 202: return "Accepted; GET shows progress";
    case 204: return "Done";
    case 303: return "On to the next page";
    default: return "OK";
  }
}

// A page for people has no schema and no key.
bool is_page(const Route& route) { return route.response.empty() && !route.verb && !route.any_caller; }

json::object text(std::string_view media) { return {{media, json::object{{"schema", {{"type", "string"}}}}}}; }

std::string_view media_of(const Route& route) {
  return route.action == "client.keys" ? "application/jwk-set+json" : "application/json";
}

json::object success_of(const Route& route) {
  json::object success{{"description", success_text(route.success)}};
  if (!route.response.empty()) success["content"] = content(media_of(route), route.response);
  if (is_page(route) && route.success == 200) success["content"] = text("text/html; charset=utf-8");
  if (route.action == "metrics") success["content"] = text("text/plain; version=0.0.4; charset=utf-8");
  return success;
}

json::object problem_of(const Route& route) {
  json::object problem{{"description", "A problem, with a stable `code`"}};
  problem["content"] = content("application/problem+json", "Problem");
  if (!is_page(route)) return problem;
  problem["description"] = "A page that says what to do; a problem where the request itself is malformed";
  for (auto& member : text("text/html; charset=utf-8")) problem["content"].as_object().insert(member);
  return problem;
}

json::object operation_of(const Route& route) {
  json::object operation{
      {"operationId", route.action},
      {"summary", route.summary},
      {"parameters", parameters_of(route)},
      {"responses", json::object{{std::to_string(route.success), success_of(route)}, {"default", problem_of(route)}}}};
  if (!route.request.empty()) {
    operation["requestBody"] = json::object{{"required", route.request != "RefreshRequest"},
                                            {"content", content("application/json", route.request)}};
  }
  operation["security"] = json::array{};
  if (route.any_caller) {
    operation["security"] = json::array{json::object{{"apiKey", json::array{}}}};
    operation["description"] = "Needs a key, and no verb.";
  }
  if (route.verb) {
    operation["security"] = json::array{json::object{{"apiKey", json::array{}}}};
    operation["description"] = "Needs the verb `" + std::string{to_string(*route.verb)} + "`" +
                               (route.whole ? " for all registrations and tenants." : ".");
  }
  return operation;
}

json::object header_parameter(std::string_view name, std::string_view text) {
  return {{"name", name}, {"in", "header"}, {"description", text}, {"schema", {{"type", "string"}}}};
}

// What goes through the proxy is the provider's to describe.
json::object proxied_operation(std::string_view method) {
  const Route& route = proxy_route();
  json::object operation = operation_of(route);
  operation["operationId"] = std::string{route.action} + "." + std::string{method};
  auto& parameters = operation["parameters"].as_array();
  parameters[1].as_object()["description"] = "The path at the provider's API, with its slashes; the query follows as it is";
  parameters.push_back(header_parameter("Evergrant-Host", "Another host of the provider's profile than its API base"));
  parameters.push_back(header_parameter("Evergrant-Pair", "Which token pair, where the provider gives several"));
  operation["responses"] = json::object{
      {"200", json::object{{"description", "The provider's answer, with the provider's status"}, {"content", text("*/*")}}},
      {"default", problem_of(route)}};
  operation["responses"].as_object()["default"].as_object()["description"] =
      "The provider's answer, or, with the header Evergrant-Error, a problem of evergrant's own";
  operation.erase("requestBody");
  if (method == "post" || method == "put" || method == "patch")
    operation["requestBody"] = json::object{{"required", false}, {"content", text("*/*")}};
  return operation;
}

}  // namespace

std::string openapi_document(std::string_view public_url) {
  json::object paths;
  for (const auto& route : routes()) {
    auto& item = paths[route.pattern];
    if (!item.is_object()) item = json::object{};
    item.as_object()[to_lower_ascii(route.method)] = operation_of(route);
  }
  json::object proxied;
  for (const std::string_view method : {"get", "post", "put", "patch", "delete"})
    proxied[method] = proxied_operation(method);
  paths[proxy_route().pattern] = std::move(proxied);
  const json::object document{
      {"openapi", "3.1.0"},
      {"info", {{"title", "evergrant"}, {"version", "1"}, {"summary", "OAuth grants kept alive; access tokens that work"}}},
      {"servers", json::array{json::object{{"url", public_url}}}},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", openapi_schemas()},
        {"securitySchemes", {{"apiKey", {{"type", "http"}, {"scheme", "bearer"}, {"description", "An API key: egk_…"}}}}}}}};
  return json::serialize(document);
}

}  // namespace evergrant
