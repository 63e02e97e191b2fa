// Which notices about the ends of refresh tokens are due, and what they say: pure functions of values, tested by tables.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/event.hpp"
#include "store/store.hpp"

namespace evergrant {

// The lead of the notice that is due at `now`, of `leads` (longest first); zero: the end has passed. Nothing: none is due,
// or it was given. Several that fell due together (a machine that slept) are one notice, the most urgent.
//
// A lead of more than half of the grant's whole time is passed over: it would come as soon as the customer connected, or at
// every refresh of an idle end. An end that shifts by less than half of the lead given last, or half an hour, is the same.
[[nodiscard]] std::optional<Duration> due_notice(const EndingGrant& grant, const std::vector<Duration>& leads, Time now);

// Type `reauth_due`; code `idle_end`, `absolute_end`, `idle_end_passed` or `absolute_end_passed`.
[[nodiscard]] Event reauth_due_event(const EndingGrant& grant, Time now);

// "6 days and 23 hours", "1 hour and 5 minutes", "less than a minute".
[[nodiscard]] std::string in_words(Duration length);

}  // namespace evergrant
