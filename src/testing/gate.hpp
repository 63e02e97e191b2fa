// Takes requests from a listener's thread to the bench's loop and their answers back. Behind it stands a handler on a lane,
// or nobody: then connections are closed unanswered. `handle` is called by the listener; the rest is for the loop's thread.
#pragma once

#include <cstdint>
#include <map>

#include "net/http.hpp"
#include "testing/bench_loop.hpp"
#include "testing/lane.hpp"

namespace evergrant::testing {

class Gate final : public HttpHandler {
 public:
  explicit Gate(BenchLoop& loop) : loop_{loop} {}

  void open(Lane& lane, HttpHandler& behind);
  // Whoever waits is not answered. What serves them is the lane's to end.
  void close();

  Task<HttpResponse> handle(HttpRequest request) override;

 private:
  void admit(HttpRequest request, const Completion<HttpResponse>& answer);
  Task<void> serve(std::uint64_t number, Task<HttpResponse> task);

  BenchLoop& loop_;
  Lane* lane_ = nullptr;
  HttpHandler* behind_ = nullptr;
  std::map<std::uint64_t, Completion<HttpResponse>> waiting_;
};

}  // namespace evergrant::testing
