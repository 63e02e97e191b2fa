#include "sim/weather.hpp"

#include <algorithm>
#include <array>

namespace evergrant::sim {

namespace {

// Half of the kinds are absent from a seed; the others are anything from rare to frequent.
double draw_rate(Dice& dice, double most) {
  if (dice.chance(0.5)) return 0;
  constexpr std::array shares{0.1, 0.3, 1.0};
  return most * dice.pick(std::span<const double>{shares});
}

}  // namespace

Weather Weather::draw(Dice& dice) {
  Weather weather;
  weather.store_fails = draw_rate(dice, 0.05);
  weather.store_loses_answer = draw_rate(dice, 0.05);
  weather.store_waits = draw_rate(dice, 0.5);
  weather.store_stalls = draw_rate(dice, 0.01);
  weather.dies_at_store = draw_rate(dice, 0.01);
  weather.stops_at_store = draw_rate(dice, 0.004);
  weather.stops_with_answer = draw_rate(dice, 0.1);
  weather.refuses_connection = draw_rate(dice, 0.2);
  weather.loses_request = draw_rate(dice, 0.15);
  weather.loses_answer = draw_rate(dice, 0.15);
  weather.server_error = draw_rate(dice, 0.2);
  weather.throttles = draw_rate(dice, 0.1);
  weather.garbles = draw_rate(dice, 0.1);
  weather.crawls = draw_rate(dice, 0.4);
  weather.flaps = draw_rate(dice, 0.05);
  weather.dies_at_request = draw_rate(dice, 0.05);
  weather.node_dies = draw_rate(dice, 0.02);
  weather.node_freezes = draw_rate(dice, 0.02);
  weather.store_goes_away = draw_rate(dice, 0.01);
  weather.provider_goes_down = draw_rate(dice, 0.01);
  weather.client_is_refused = draw_rate(dice, 0.005);
  weather.clock_jumps = draw_rate(dice, 0.01);
  weather.customer_disconnects = draw_rate(dice, 0.005);
  weather.customer_reconnects = draw_rate(dice, 0.03);
  weather.application_revokes = draw_rate(dice, 0.01);
  return weather;
}

}  // namespace evergrant::sim
