// After a long stop or a sleep everything is due at once. What is overdue is given new times, drawn once and stored, so that
// providers see no more than twice the usual rate; whoever reads a token meanwhile gets it refreshed at once, as always.
// On the engine's executor.
#pragma once

#include <optional>

#include "base/log.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "model/registration.hpp"
#include "store/store.hpp"

namespace evergrant {

// A new time for an overdue connection, pure. Nothing: it is left at its place, because it is hardly overdue, waits out a
// failure (its time may be a grace window's), or has no time to lose. A token that still lives is refreshed before its
// margin; one that has expired within three fifths of its life; a keep-alive within a fifth of the idle window, and of what
// is left of it a quarter at most.
[[nodiscard]] std::optional<Time> draw_overdue(const Connection& connection, const Registration& registration, Time now,
                                               Random& random);

class BacklogSpread {
 public:
  BacklogSpread(Store& store, const Registrations& registrations, Clock& clock, Random& random, const Log& log)
      : store_{store}, registrations_{registrations}, clock_{clock}, random_{random}, log_{log} {}
  BacklogSpread(const BacklogSpread&) = delete;
  BacklogSpread& operator=(const BacklogSpread&) = delete;

  // Everything that is overdue now, unless it is little, in bounded batches; ends early once `stopping`.
  Task<Result<>> spread(const bool& stopping);

 private:
  Task<Result<std::size_t>> spread_of(RegistrationId registration, const bool& stopping);
  [[nodiscard]] std::vector<Store::Move> moves_of(const std::vector<Connection>& rows, Time now);

  Store& store_;
  const Registrations& registrations_;
  Clock& clock_;
  Random& random_;
  const Log& log_;
};

}  // namespace evergrant
