// The network between one process and the provider: slow, lossy, in the way, and for ever honest about whether a connection
// could be made. What was sent arrives though its sender dies meanwhile.
#pragma once

#include <functional>

#include "sim/broken.hpp"
#include "sim/oracle.hpp"
#include "sim/weather.hpp"

namespace evergrant::sim {

// What all processes share.
struct Network {
  World& world;
  SimExecutor& internet;  // does not die
  Weather& weather;
  SimProvider& provider;
  Oracle& oracle;
  Breakage breakage = Breakage::none;
};

class SimTransport final : public HttpTransport {
 public:
  // `die` ends the process that this belongs to.
  SimTransport(Network& network, const SimExecutor& owner, const Clock& clock, std::function<void()> die)
      : network_{network}, owner_{owner}, clock_{clock}, die_{std::move(die)} {}

  Task<Result<HttpResponse>> send(OutboundRequest request) override;

 private:
  enum class Fate : std::uint8_t { usual, refused, lost, unanswered, error, throttled, client_refused, garbled, flap };
  struct Trip {
    Fate fate = Fate::usual;
    Duration there{0}, back{0};
    Duration timeout{0};
    std::string body;
    bool token_request = true;
    std::size_t flight = 0;
  };
  using Answer = Result<HttpResponse>;

  Trip draw_trip(const OutboundRequest& request);
  Fate draw_fate(bool token_request);
  static Task<void> carry(Network& network, Trip trip, Completion<Answer> done);
  static Answer act(Network& network, const Trip& trip);

  Network& network_;
  const SimExecutor& owner_;
  const Clock& clock_;
  std::function<void()> die_;
};

}  // namespace evergrant::sim
