#include "lifecycle/lease_keeper.hpp"

#include <utility>

namespace evergrant {

struct LeaseKeeper::State {
  Executor& executor;
  Store& store;
  Clock& clock;
  const Log& log;
  ConnectionId id;
  Fence fence;
  Time until;
  Duration lease;
  Executor::TimerId timer = 0;
  bool stopped = false;
};

LeaseKeeper::LeaseKeeper(Executor& executor, Store& store, Clock& clock, const Log& log, ConnectionId id, Fence fence,
                         Time until, Duration lease)
    : state_{std::make_shared<State>(executor, store, clock, log, std::move(id), fence, until, lease)} {
  arm(state_);
}

LeaseKeeper& LeaseKeeper::operator=(LeaseKeeper&& other) noexcept {
  if (this != &other) {
    stop();
    state_ = std::move(other.state_);
  }
  return *this;
}

LeaseKeeper::~LeaseKeeper() { stop(); }

void LeaseKeeper::stop() {
  if (!state_) return;
  state_->stopped = true;
  state_->executor.cancel(state_->timer);
}

void LeaseKeeper::arm(const std::shared_ptr<State>& state) {
  state->timer = state->executor.call_after(state->lease / 3, [state] {
    if (!state->stopped) spawn(state->executor, renew(state));  // ends after one renewal
  });
}

Task<bool> LeaseKeeper::hold_for(Duration time) {
  const std::shared_ptr<State> state = state_;
  for (int tries = 0; state->until - state->clock.now() < time; ++tries) {  // the second time for a slow answer to the first
    if (tries == 2) co_return false;
    const Time until = state->clock.now() + state->lease;
    const auto renewed = co_await state->store.renew(state->id, state->fence, until);
    if (!renewed) co_return false;
    state->until = until;
  }
  co_return true;
}

Task<void> LeaseKeeper::renew(std::shared_ptr<State> state) {
  const Time until = state->clock.now() + state->lease;
  const auto renewed = co_await state->store.renew(state->id, state->fence, until);
  if (renewed) state->until = until;
  if (state->stopped) co_return;
  if (renewed) {
    arm(state);
    co_return;
  }
  state->log.warning("lease_not_renewed", {{"connection", state->id.str()}, {"code", to_string(renewed.error().code)}});
  if (renewed.error().code != Errc::stale) arm(state);
}

}  // namespace evergrant
