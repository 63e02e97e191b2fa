// Text that a provider wrote for people, made fit for logs and pages. Pure.
#pragma once

#include <string>
#include <string_view>

namespace evergrant {

// printable(), and what looks like a token is cut out: some providers repeat the token that they refuse (TOK-13).
[[nodiscard]] std::string presentable(std::string_view text, std::size_t limit);

}  // namespace evergrant
