#include "sim/transport.hpp"

namespace evergrant::sim {

using namespace std::chrono_literals;

namespace {

// The provider acts before our own deadline, or never: a lease that outlives the call rests on that.
constexpr Duration longest_way = 12s;

Error lost() { return {Errc::ambiguous, "the provider did not answer in time", {}}; }
Error refused() { return {Errc::provider_unavailable, "cannot connect to the provider", {}}; }

}  // namespace

SimTransport::Fate SimTransport::draw_fate(bool token_request) {
  Weather& weather = network_.weather;
  Dice& dice = network_.world.dice;
  if (weather.provider_down_until > network_.world.steady()) {
    return dice.chance(0.3) ? Fate::lost : dice.chance(0.5) ? Fate::error : Fate::refused;
  }
  if (weather.client_refused_until > network_.world.steady()) return Fate::client_refused;
  if (dice.chance(weather.refuses_connection)) return Fate::refused;
  if (dice.chance(weather.loses_request)) return Fate::lost;
  if (dice.chance(weather.loses_answer)) return Fate::unanswered;
  if (dice.chance(weather.server_error)) return Fate::error;
  if (dice.chance(weather.throttles)) return Fate::throttled;
  if (token_request && dice.chance(weather.garbles)) return Fate::garbled;
  if (token_request && dice.chance(weather.flaps)) return Fate::flap;
  return Fate::usual;
}

SimTransport::Trip SimTransport::draw_trip(const OutboundRequest& request) {
  Dice& dice = network_.world.dice;
  Trip trip;
  trip.token_request = request.url.ends_with("/token");
  trip.fate = draw_fate(trip.token_request);
  const Duration slowest = dice.chance(network_.weather.crawls) ? longest_way : Duration{200};
  trip.there = dice.between(1ms, slowest);
  trip.back = dice.between(1ms, slowest);
  trip.timeout = request.timeout;
  trip.body = request.body;
  if (trip.fate != Fate::usual) ++network_.oracle.counters.faults;
  return trip;
}

SimTransport::Answer SimTransport::act(Network& network, const Trip& trip) {
  switch (trip.fate) {
    case Fate::refused: return std::unexpected(refused());
    case Fate::lost: return std::unexpected(lost());
    case Fate::error: return json_answer(503, R"({"error":"server_error"})");
    case Fate::throttled: {
      HttpResponse response = json_answer(429, R"({"error":"slow_down"})");
      response.headers.add("Retry-After", std::to_string(1 + network.world.dice.below(60)));
      return response;
    }
    case Fate::client_refused: return json_answer(401, R"({"error":"invalid_client"})");
    case Fate::flap: {
      if (Family* family = network.provider.family_of(SimProvider::sent_token(trip.body, "refresh_token"))) {
        family->flapped = true;
      }
      return json_answer(400, R"({"error":"invalid_grant"})");
    }
    case Fate::usual:
    case Fate::unanswered:
    case Fate::garbled: break;
  }
  if (!trip.token_request) {
    if (network.breakage == Breakage::untold_revocation) return json_answer(200, "{}");
    return network.provider.revoke(trip.body);
  }
  Answer answer = network.provider.token(trip.body, trip.there);
  if (trip.fate == Fate::garbled && answer->status == 200) answer->body = answer->body.substr(0, answer->body.size() / 2);
  return answer;
}

// On the internet's own executor.
Task<void> SimTransport::carry(Network& network, Trip trip, Completion<Answer> done) {
  co_await delay(trip.there);
  Answer answer = act(network, trip);
  const bool arrived = trip.fate != Fate::refused && trip.fate != Fate::lost;
  if (arrived) co_await delay(trip.back);
  if (trip.token_request) network.oracle.done(trip.flight);
  const bool unread = trip.fate == Fate::lost || trip.fate == Fate::unanswered;
  if (unread) answer = std::unexpected(lost());
  if (unread && network.world.dice.chance(0.5)) co_await delay(trip.timeout);  // else the connection was reset
  done.set(std::move(answer));
}

Task<Result<HttpResponse>> SimTransport::send(OutboundRequest request) {
  Trip trip = draw_trip(request);
  if (trip.token_request) trip.flight = network_.oracle.sent(owner_.name(), clock_.now(), trip.body);
  const bool dies_early = network_.world.dice.chance(network_.weather.dies_at_request / 2);
  const bool dies_late = network_.world.dice.chance(network_.weather.dies_at_request / 2);
  const Duration timeout = request.timeout;
  const std::size_t flight = trip.flight;
  const bool token_request = trip.token_request;
  const bool twice = token_request && network_.breakage == Breakage::duplicate_sends;
  Completion<Answer> done;
  network_.world.note(owner_.name(), (token_request ? "sends " + SimProvider::sent_token(trip.body, "refresh_token")
                                                    : "revokes " + SimProvider::sent_token(trip.body, "token")) +
                                         " fate " + std::to_string(static_cast<int>(trip.fate)));
  if (twice) {
    Trip copy = trip;
    copy.flight = network_.oracle.sent(owner_.name(), clock_.now(), copy.body);
    spawn(network_.internet, carry(network_, std::move(copy), Completion<Answer>{}));  // ends with its answer
  }
  spawn(network_.internet, carry(network_, std::move(trip), done));  // ends with its answer
  if (dies_early) {
    die_();
    co_await never();
  }
  auto answer = co_await wait_for(done, timeout);
  if (!answer) answer.emplace(std::unexpected(lost()));
  if (token_request) network_.oracle.read(flight, *answer);
  if (dies_late) {
    die_();
    co_await never();
  }
  if (network_.breakage == Breakage::outage_as_refusal && *answer && (*answer)->status == 503) {
    co_return json_answer(400, R"({"error":"invalid_grant"})");
  }
  co_return std::move(*answer);
}

}  // namespace evergrant::sim
