#include "lifecycle/registration_standing.hpp"

namespace evergrant {

PauseStep follow_pause(bool paused, bool written, bool stored) {
  if (stored) return paused ? PauseStep::none : PauseStep::pause;
  if (!paused) return PauseStep::none;
  return written ? PauseStep::resume : PauseStep::write;
}

HoldStep follow_hold(std::optional<Time> held_since, bool written, const std::optional<StoredHold>& stored) {
  if (stored && !stored->released_at) return held_since ? HoldStep::none : HoldStep::hold;
  if (!held_since) return stored ? HoldStep::believe : HoldStep::none;
  if (stored && *stored->released_at >= *held_since) return HoldStep::release;
  return written ? HoldStep::none : HoldStep::write;
}

}  // namespace evergrant
