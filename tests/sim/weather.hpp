// What goes wrong, how often, and for how long: drawn once per seed. A kind of fault that a seed does not have lets the
// others show what they do alone.
#pragma once

#include "sim/world.hpp"

namespace evergrant::sim {

inline constexpr Duration longest_jump = std::chrono::minutes{10};

struct Weather {
  // Chance per store operation.
  double store_fails = 0, store_loses_answer = 0, store_waits = 0, store_stalls = 0, dies_at_store = 0, stops_at_store = 0,
         stops_with_answer = 0;
  // Chance per request to the provider.
  double refuses_connection = 0, loses_request = 0, loses_answer = 0, server_error = 0, throttles = 0, garbles = 0,
         crawls = 0, flaps = 0, dies_at_request = 0;
  // Chance per turn of the driver (some seconds).
  double node_dies = 0, node_freezes = 0, store_goes_away = 0, provider_goes_down = 0, client_is_refused = 0,
         clock_jumps = 0, customer_disconnects = 0, customer_reconnects = 0, application_revokes = 0;

  // Spells, in steady time.
  Duration store_away_until{0}, provider_down_until{0}, client_refused_until{0};

  static Weather draw(Dice& dice);
  static Weather calm() { return {}; }
};

}  // namespace evergrant::sim
