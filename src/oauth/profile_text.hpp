// The small grammars inside a profile's fields: header names and values, names, {placeholders}. Pure; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace evergrant {

// RFC 9110 5.6.2: what a field name consists of.
[[nodiscard]] bool is_header_name(std::string_view name);
[[nodiscard]] bool is_header_value(std::string_view value);
// Letters, digits, '_' and '-'.
[[nodiscard]] bool is_identifier(std::string_view name);

// The names in {braces}; nothing where a brace has no partner.
[[nodiscard]] std::optional<std::vector<std::string>> placeholders(std::string_view text);
// The URL with something harmless in each place, to be judged as a URL. A variable that begins it brings its scheme along.
// Only for text whose placeholders() could be read.
[[nodiscard]] std::string sample_url(std::string_view text);

}  // namespace evergrant
