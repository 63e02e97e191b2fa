// A successful token answer's members as a token set (RFC 6749 5.1 and how providers depart from it). Pure.
#pragma once

#include <expected>
#include <string_view>

#include "model/provider.hpp"
#include "model/token_set.hpp"
#include "oauth/json_member.hpp"
#include "oauth/token_answer.hpp"

namespace evergrant {

// True if the answer holds an access token at all.
[[nodiscard]] bool has_access_token(const boost::json::value& body, const TokenProfile& profile);

// Or which part makes it unusable: "no_access_token", "malformed_access_token", "no_token_type", "unknown_token_type".
[[nodiscard]] std::expected<TokenSet, std::string_view> read_token_set(WipedJson body, const Provider& provider,
                                                                       const SentTokenRequest& sent);

}  // namespace evergrant
