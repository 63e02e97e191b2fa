// JSON as a relying party must read it (RFC 8725 2.4, 3.7): a name that occurs twice in an object, text that is not UTF-8,
// anything after the document, depth and size beyond a limit are refused, because two readers could take them two ways.
// Boost.JSON alone keeps the last of two equal names. No state; thread-safe.
// Errors: invalid_argument (what is wrong, never the text), too_large (depth or size).
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace evergrant {

inline constexpr std::size_t default_json_depth = 32;
inline constexpr std::size_t default_json_size = 1U << 20U;

[[nodiscard]] Result<boost::json::value> parse_strict_json(std::string_view text, std::size_t max_depth = default_json_depth,
                                                           std::size_t max_size = default_json_size);
// The same, and the document must be an object.
[[nodiscard]] Result<boost::json::object> parse_strict_object(std::string_view text,
                                                              std::size_t max_depth = default_json_depth,
                                                              std::size_t max_size = default_json_size);

// The text of a value that holds secrets. (json::serialize goes through a buffer on the stack, and leaves a copy there.)
[[nodiscard]] Secret serialize_secret(const boost::json::value& value);

// The member if it is there and a string. The view is good as long as the object.
[[nodiscard]] std::optional<std::string_view> string_member(const boost::json::object& object, std::string_view name);

}  // namespace evergrant
