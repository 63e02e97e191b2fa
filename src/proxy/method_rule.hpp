// Which methods go through the proxy, and what would make the provider see another one than the one that was judged. Pure;
// thread-safe.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace evergrant {

// Capitals and hyphens, at most twenty. Error: invalid_argument.
[[nodiscard]] Result<> check_method(std::string_view method);

// Whether a query has a parameter by which known APIs take another method than the request's own: `_HttpMethod`
// (Salesforce),
// `$httpMethod` (Google), `_method` (Rails, Symfony and their kin). In whatever case, percent-encoded or not.
[[nodiscard]] bool overrides_method(std::string_view query);
// For a caller that may use some methods only. Code: forbidden.
[[nodiscard]] Error names_another_method();

}  // namespace evergrant
