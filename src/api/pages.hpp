// The few pages a customer or a newcomer sees: plain HTML, no script, no third-party content (CB-05, SVC-02). Pure.
#pragma once

#include <string>
#include <string_view>

#include "api/call.hpp"

namespace evergrant {

// `title` and `message` are escaped here. `good` picks the sign above the title.
[[nodiscard]] Reply page(int status, bool good, std::string_view title, std::string_view message,
                         std::string_view small_print = {});
[[nodiscard]] Reply front_page_of(std::string_view public_url);
// 303 with the headers that keep codes and tokens out of caches and Referer (AUTH-10).
[[nodiscard]] Reply redirect(std::string location);

}  // namespace evergrant
