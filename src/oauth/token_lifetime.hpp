// When tokens end, out of what providers say about it (TOK-08, TOK-09). Everything relative counts from the moment before
// the request was sent. Pure.
#pragma once

#include <boost/json/value.hpp>
#include <optional>

#include "base/clock.hpp"
#include "model/provider.hpp"

namespace evergrant {

// Nothing: it does not end, as far as anybody says. At most ten years ahead.
[[nodiscard]] std::optional<Time> access_expiry(const boost::json::value& body, const Provider& provider, Time sent_at);
// The member where there is one; else, where the access token itself is what is exchanged, its end; else the profile's idle
// window, since the refresh token was used or made just now. Zero and silence never mean "ended now". Nothing: no idle end
// is known.
[[nodiscard]] std::optional<Time> refresh_idle_expiry(const boost::json::value& body, const Provider& provider,
                                                      Time sent_at);
// Only where the answer says so; the profile's absolute window counts from the first grant, which is not known here.
[[nodiscard]] std::optional<Time> refresh_absolute_expiry(const boost::json::value& body, const Provider& provider,
                                                          Time sent_at);

}  // namespace evergrant
