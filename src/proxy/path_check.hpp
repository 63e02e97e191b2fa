// What a caller's path may look like before it goes to a provider. Another program will read it again, with decoders of its
// own: so a path is looked at in every reading that it may be given, as it stands, decoded once, decoded again …, and what
// one of them would take for something else is refused. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace evergrant {

// The path as it stands, then decoded again and again until nothing is left to decode. Errors: invalid_argument (a broken
// escape, a control character, no UTF-8, encoded too often, too long).
[[nodiscard]] Result<std::vector<std::string>> readings_of(std::string_view path);

// The pieces between slashes, the empty ones too. The path begins with a slash.
[[nodiscard]] std::vector<std::string_view> path_segments(std::string_view path);
// Without what follows a semicolon: some servers take it for parameters of the segment.
[[nodiscard]] std::string_view without_parameters(std::string_view segment) noexcept;

// No dot segment, no backslash, no empty segment, no other host, in any reading. Errors: invalid_argument.
[[nodiscard]] Result<> check_path(const std::vector<std::string>& readings);

}  // namespace evergrant
