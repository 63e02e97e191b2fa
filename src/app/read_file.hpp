// A small file as text.
#pragma once

#include <string>

#include "base/result.hpp"

namespace evergrant {

// Errors: not_found, forbidden, too_large (over 1 MiB), each naming the path.
[[nodiscard]] Result<std::string> read_file(const std::string& path);
// Writes a file of mode 0600 at once or not at all (a temporary file beside it, then a rename).
[[nodiscard]] Result<> write_private_file(const std::string& path, std::string_view content);
// As above, but nothing that bears the name is replaced, be it a file that cannot be read or a symbolic link to nothing.
// Errors: invalid_argument (there is something), and those of `write_private_file`.
[[nodiscard]] Result<> write_new_private_file(const std::string& path, std::string_view content);

}  // namespace evergrant
