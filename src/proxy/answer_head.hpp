// The head of a provider's answer as the caller gets it. Pure.
#pragma once

#include "base/secret.hpp"
#include "net/http_exchange.hpp"
#include "net/response_parser.hpp"
#include "proxy/target.hpp"

namespace evergrant {

// What passes of the provider's, with Location rewritten (proxy/redirect_rule.hpp). A field that holds the token does not
// pass, whatever its name; nor one with control characters.
[[nodiscard]] AnswerHead caller_head(const UpstreamHead& head, const ProxyTarget& target, std::string_view proxy_base,
                                     bool base_host, const Secret& access_token);
// Trailers that may pass.
[[nodiscard]] Headers caller_trailers(const Headers& trailers, const Secret& access_token);

// The first of the profile's correlation headers that is there; printable and bounded. Empty where it repeats the token.
[[nodiscard]] std::string correlation_of(const UpstreamHead& head, const std::vector<std::string>& names,
                                         const Secret& access_token);

}  // namespace evergrant
