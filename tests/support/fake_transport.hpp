// A scripted HttpTransport: answers in the order in which they were queued, and remembers every request.
// On one executor; not synchronised. A request that nothing was prepared for fails the test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/task.hpp"
#include "net/http.hpp"

namespace evergrant::test {

using TransportAnswer = Result<HttpResponse>;

[[nodiscard]] inline HttpResponse http_answer(int status, std::string body, std::string content_type = "application/json") {
  HttpResponse response;
  response.status = status;
  if (!content_type.empty()) response.headers.add("Content-Type", std::move(content_type));
  response.body = std::move(body);
  return response;
}

[[nodiscard]] inline Error nothing_was_sent() {
  return {Errc::provider_unavailable, "cannot connect to the provider", "is it up?"};
}
[[nodiscard]] inline Error answer_was_lost() { return {Errc::ambiguous, "the provider did not answer in time", {}}; }

class FakeTransport final : public HttpTransport {
 public:
  using Responder = std::function<TransportAnswer(const OutboundRequest&)>;

  // Each of these prepares the answer to one request.
  void answer(TransportAnswer given);
  void answer(int status, std::string body) { answer(http_answer(status, std::move(body))); }
  void fail(Error error) { answer(std::unexpected(std::move(error))); }
  // The connection is refused: the provider cannot have acted.
  void refuse_connection() { fail(nothing_was_sent()); }
  // Computed from the request, so that a fake provider can have acted before the answer is lost.
  void answer_with(Responder responder);
  // Given after `time`, or lost at the request's own timeout if that comes first.
  void answer_after(Duration time, TransportAnswer given);
  // Silence until the request's own timeout.
  void hang() { answer_after(Duration::max(), std::unexpected(answer_was_lost())); }
  // Given once the test sets it.
  [[nodiscard]] Completion<TransportAnswer> answer_when_set();

  // What happens once the queue is empty.
  void otherwise(Responder responder) { otherwise_ = std::move(responder); }

  [[nodiscard]] const std::vector<OutboundRequest>& requests() const noexcept { return requests_; }
  [[nodiscard]] const OutboundRequest& last() const { return requests_.at(requests_.size() - 1); }
  [[nodiscard]] std::size_t unused_answers() const noexcept { return script_.size(); }
  [[nodiscard]] int in_flight() const noexcept { return in_flight_; }
  [[nodiscard]] int most_in_flight() const noexcept { return most_in_flight_; }

  Task<TransportAnswer> send(OutboundRequest request) override;

 private:
  using Step = std::function<Task<TransportAnswer>(OutboundRequest)>;

  static Task<TransportAnswer> ready(TransportAnswer given) { co_return given; }
  static Task<TransportAnswer> computed(Responder responder, OutboundRequest request) { co_return responder(request); }
  static Task<TransportAnswer> wait(Completion<TransportAnswer> held);
  static Task<TransportAnswer> late(Duration time, Duration timeout, TransportAnswer given);

  Step next_step();

  std::deque<Step> script_;
  Responder otherwise_;
  std::vector<OutboundRequest> requests_;
  int in_flight_ = 0;
  int most_in_flight_ = 0;
};

}  // namespace evergrant::test
