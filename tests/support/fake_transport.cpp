#include "support/fake_transport.hpp"

namespace evergrant::test {

void FakeTransport::answer(TransportAnswer given) {
  script_.push_back([given = std::move(given)](OutboundRequest) { return ready(given); });
}

void FakeTransport::answer_with(Responder responder) {
  script_.push_back([responder = std::move(responder)](OutboundRequest request) { return computed(responder, request); });
}

void FakeTransport::answer_after(Duration time, TransportAnswer given) {
  script_.push_back(
      [time, given = std::move(given)](OutboundRequest request) { return late(time, request.timeout, given); });
}

Completion<TransportAnswer> FakeTransport::answer_when_set() {
  Completion<TransportAnswer> held;
  script_.push_back([held](OutboundRequest) { return wait(held); });
  return held;
}

Task<TransportAnswer> FakeTransport::send(OutboundRequest request) {
  requests_.push_back(request);
  Step step = next_step();
  most_in_flight_ = std::max(most_in_flight_, ++in_flight_);
  TransportAnswer result = co_await step(std::move(request));
  --in_flight_;
  co_return result;
}

Task<TransportAnswer> FakeTransport::wait(Completion<TransportAnswer> held) {
  TransportAnswer given = co_await held;
  co_return given;
}

Task<TransportAnswer> FakeTransport::late(Duration time, Duration timeout, TransportAnswer given) {
  co_await delay(std::min(time, timeout));
  if (time >= timeout) co_return std::unexpected(answer_was_lost());
  co_return given;
}

FakeTransport::Step FakeTransport::next_step() {
  if (!script_.empty()) {
    Step step = std::move(script_.front());
    script_.pop_front();
    return step;
  }
  if (otherwise_) return [responder = otherwise_](OutboundRequest request) { return computed(responder, request); };
  ADD_FAILURE() << "no answer was prepared for " << requests_.back().method << ' ' << requests_.back().url;
  return [](OutboundRequest) { return ready(std::unexpected(nothing_was_sent())); };
}

}  // namespace evergrant::test
