// What the store says about a registration, beside what this process believes: a pause or a hold that another process began,
// or that an operator ended there. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace evergrant {

enum class PauseStep : std::uint8_t {
  none,
  pause,   // another process was refused as a client
  resume,  // another process, or an operator there, ended the pause
  write    // the store does not have this process's own pause yet
};
// `written`: the store has, or had, the pause that this process is in.
[[nodiscard]] PauseStep follow_pause(bool paused, bool written, bool stored);

enum class HoldStep : std::uint8_t {
  none,
  hold,     // another process holds state changes
  release,  // an operator released what this process holds
  believe,  // an operator released a hold that this process did not take part in
  write     // the store does not have this process's own hold yet
};
struct StoredHold {
  Time since;
  std::optional<Time> released_at;
};
// `held_since`: nothing if this process holds nothing. A release that is older than the hold says nothing about it.
[[nodiscard]] HoldStep follow_hold(std::optional<Time> held_since, bool written, const std::optional<StoredHold>& stored);

}  // namespace evergrant
