// Grants as JSON: in full for the state file, and as the control API shows them.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "sandbox/grant.hpp"

namespace evergrant {

enum class ShowTokens : bool { no, yes };
[[nodiscard]] boost::json::object describe(const Grant& grant, ShowTokens tokens);

[[nodiscard]] boost::json::object to_json(const Grant& grant);
// Throws on JSON of another shape.
[[nodiscard]] Grant grant_from_json(const boost::json::value& value);

}  // namespace evergrant
