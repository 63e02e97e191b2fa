// What a URL in a profile or in the configuration must be. Pure; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace evergrant {

// What is wrong with it, as words that follow "field 'x': "; nothing if it is an absolute https URL with a host, without
// user information and fragment. `allow_loopback_http` also allows http to a loopback host. (AUTH-17, META-03)
[[nodiscard]] std::optional<std::string> url_problem(std::string_view url, bool allow_loopback_http);

// As url_problem; an issuer has no query either (RFC 8414 section 2).
[[nodiscard]] std::optional<std::string> issuer_problem(std::string_view issuer, bool allow_loopback_http);

// "https://host" or "https://host:port" of a URL that url_problem found in order.
[[nodiscard]] std::string origin_of(std::string_view url);

}  // namespace evergrant
