#include "api/openapi.hpp"

#include <gtest/gtest.h>

#include <set>

#include "api/route.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

json::object document() { return json::parse(openapi_document("https://tokens.example")).as_object(); }

const json::object& operation(const json::object& document, std::string_view path, std::string_view method) {
  return document.at("paths").as_object().at(path).as_object().at(method).as_object();
}

// Every "$ref" below `value`.
void collect_references(const json::value& value, std::set<std::string>& found) {
  if (const auto* array = value.if_array()) {
    for (const auto& item : *array) collect_references(item, found);
  }
  const auto* object = value.if_object();
  if (object == nullptr) return;
  for (const auto& member : *object) {
    if (member.key() == "$ref") found.emplace(member.value().as_string());
    collect_references(member.value(), found);
  }
}

TEST(OpenApi, names_itself_and_where_it_is_served) {
  const auto made = document();
  EXPECT_EQ(made.at("openapi").as_string(), "3.1.0");
  EXPECT_EQ(made.at("servers").at(0).at("url").as_string(), "https://tokens.example");
  EXPECT_EQ(made.at("components").at("securitySchemes").at("apiKey").at("scheme").as_string(), "bearer");
}

TEST(OpenApi, has_exactly_the_operations_of_the_route_table) {
  const auto made = document();
  std::size_t operations = 0;
  for (const auto& path : made.at("paths").as_object()) operations += path.value().as_object().size();
  EXPECT_EQ(operations, routes().size() + 5);  // the proxy's, with the usual methods
  for (const auto& route : routes()) {
    const auto& one = operation(made, route.pattern, to_lower_ascii(route.method));
    EXPECT_EQ(one.at("operationId").as_string(), route.action);
    EXPECT_TRUE(one.at("responses").as_object().contains(std::to_string(route.success))) << route.pattern;
    EXPECT_EQ(one.contains("requestBody"), !route.request.empty()) << route.pattern;
    EXPECT_EQ(one.at("security").as_array().empty(), !route.verb && !route.any_caller) << route.pattern;
  }
}

TEST(OpenApi, every_reference_leads_to_a_schema_and_every_schema_is_referred_to) {
  const auto made = document();
  std::set<std::string> references;
  collect_references(made, references);
  std::set<std::string> schemas;
  for (const auto& schema : made.at("components").at("schemas").as_object()) {
    schemas.insert("#/components/schemas/" + std::string{schema.key()});
  }
  EXPECT_EQ(references, schemas);
}

TEST(OpenApi, every_path_parameter_is_described) {
  const auto made = document();
  for (const auto& route : routes()) {
    std::set<std::string> named;
    for (const auto& parameter : operation(made, route.pattern, to_lower_ascii(route.method)).at("parameters").as_array()) {
      if (parameter.at("in").as_string() == "path") named.emplace(parameter.at("name").as_string());
      EXPECT_TRUE(named.empty() || !named.contains("")) << route.pattern;
    }
    std::size_t braces = 0;
    for (const char c : route.pattern) braces += c == '{' ? 1U : 0U;
    EXPECT_EQ(named.size(), braces) << route.pattern;
    for (const auto& name : named) EXPECT_TRUE(route.pattern.contains("{" + name + "}")) << route.pattern;
  }
}

TEST(OpenApi, an_idempotent_post_says_so) {
  const auto made = document();
  const auto& parameters = operation(made, "/v1/connections", "post").at("parameters").as_array();
  ASSERT_EQ(parameters.size(), 1U);
  EXPECT_EQ(parameters.at(0).at("name").as_string(), "Idempotency-Key");
}

}  // namespace
}  // namespace evergrant
