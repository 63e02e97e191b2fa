// The OpenAPI 3.1 document, written from the route table and the schemas in openapi_schemas.cpp. Pure.
#pragma once

#include <string>
#include <string_view>

#include <boost/json.hpp>

namespace evergrant {

[[nodiscard]] std::string openapi_document(std::string_view public_url);
// components.schemas.
[[nodiscard]] boost::json::object openapi_schemas();

}  // namespace evergrant
