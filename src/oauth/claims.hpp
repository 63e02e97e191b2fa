// Claims of tokens that a provider signed (RFC 7519), one by one: of ID tokens, and of UserInfo where it is signed. Errors
// name the claim in `check` and begin with it ("aud: it does not name our client_id"); all are provider_rejected. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oauth/id_token.hpp"

namespace evergrant {

[[nodiscard]] std::unexpected<Error> refuse_claim(std::string_view check, std::string_view why);

// Empty if it is absent.
[[nodiscard]] Result<std::string> text_claim(const boost::json::object& claims, std::string_view name);
// A NumericDate (RFC 7519 2): seconds as an integer or a fraction. Nothing if it is absent.
[[nodiscard]] Result<std::optional<Time>> date_claim(const boost::json::object& claims, std::string_view name);

// Only what may be the token that is expected: an access token, a logout token or a security event signed by the same keys
// must not pass for it (RFC 8725 3.11, 3.12).
[[nodiscard]] Result<> check_kind(const boost::json::object& claims, std::string_view typ);
[[nodiscard]] Result<std::string> check_issuer(const boost::json::object& claims, const IdTokenExpectation& expectation);
[[nodiscard]] Result<std::vector<std::string>> check_audience(const boost::json::object& claims,
                                                              const IdTokenExpectation& expectation);

// A claim that is kept, as text: a string, a number or a truth value of up to 1 KiB. `name` may be a dotted path.
[[nodiscard]] std::optional<std::string> claim_text(const boost::json::value& claims, std::string_view name);

}  // namespace evergrant
