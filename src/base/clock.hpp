// Time. `now()` is called through a Clock only, so that tests and simulations own the hours.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "evergrant/clock.hpp"

namespace evergrant {

[[nodiscard]] inline std::int64_t to_epoch_ms(Time t) { return t.time_since_epoch().count(); }
[[nodiscard]] inline Time from_epoch_ms(std::int64_t ms) { return Time{Duration{ms}}; }

// RFC 3339 in UTC with milliseconds, as the API and the logs show it: 2026-11-23T15:04:05.678Z.
[[nodiscard]] std::string to_rfc3339(Time t);
// Accepts what `to_rfc3339` writes, any offset, and no fraction. Nothing on malformed text.
[[nodiscard]] std::optional<Time> from_rfc3339(std::string_view text);
// HTTP-date (RFC 9110 5.6.7, IMF-fixdate). Nothing on malformed text.
[[nodiscard]] std::optional<Time> from_http_date(std::string_view text);

}  // namespace evergrant
