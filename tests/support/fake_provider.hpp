// An authorization server in memory that knows the truth: which refresh tokens it gave, which are superseded, whether the
// grant lives. It rotates by the profile it is told, and misbehaves on demand. On one executor; its time is the clock's.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/task.hpp"
#include "model/provider.hpp"
#include "net/http.hpp"

namespace evergrant::test {

class FakeProvider final : public HttpTransport {
 public:
  explicit FakeProvider(Clock& clock) : clock_{clock} {}

  Rotation rotation = Rotation::always_with_grace;
  Duration grace = std::chrono::minutes{30};
  Duration lifetime = std::chrono::hours{1};
  Duration latency{0};
  bool rotates_next = true;            // for `sometimes`: whether the next refresh changes the refresh token
  bool hangs = false;                  // takes requests and answers nothing
  std::string hanging_host;            // as `hangs`, for URLs that contain it; empty: none
  std::string more_members;            // in every answer: ,"x":1
  std::string key_set;                 // answers every GET; empty: those fail
  std::optional<HttpResponse> always;  // instead of acting

  // Each holds for one request. `before`: the provider does not act; `after`: it has acted, and the answer is lost.
  void drop_next_request() { plans_.push_back(Plan::drop_before); }
  void drop_next_response() { plans_.push_back(Plan::drop_after); }
  void refuse_next_connection() { plans_.push_back(Plan::refuse); }
  void garble_next_response() { plans_.push_back(Plan::garble); }
  void answer_next(int status, std::string body, std::string header = {}, std::string value = {}) {
    HttpResponse response;
    response.status = status;
    response.headers.add("Content-Type", "application/json");
    if (!header.empty()) response.headers.add(std::move(header), std::move(value));
    response.body = std::move(body);
    answers_.push_back(std::move(response));
    plans_.push_back(Plan::answer);
  }
  // The next request waits, before the provider acts, until the test sets what this returns.
  [[nodiscard]] Completion<bool> hold_next_request();
  // Runs when the provider has acted, before it answers.
  std::function<void()> after_acting;

  // A new grant's first tokens: {access token, refresh token}.
  std::pair<std::string, std::string> grant(const std::string& name);
  void kill(const std::string& name) { grants_.at(name).alive = false; }
  [[nodiscard]] bool alive(const std::string& name) const { return grants_.at(name).alive; }
  [[nodiscard]] bool is_good(const std::string& access_token) const;
  [[nodiscard]] const std::string& refresh_token_of(const std::string& name) const { return grants_.at(name).refresh; }

  int token_requests = 0;
  int most_in_flight = 0;  // at once, all grants together
  int reuses = 0;          // superseded refresh tokens that were sent outside of the grace window
  std::vector<Time> requested_at;
  std::vector<std::string> hosts;

  Task<Result<HttpResponse>> send(OutboundRequest request) override;

 private:
  enum class Plan : std::uint8_t { usual, drop_before, drop_after, refuse, garble, answer, hold };
  struct Grant {
    bool alive = true;
    int minted = 0;
    std::string access, refresh;
    std::map<std::string, Time> superseded;
  };

  static Error lost() { return {Errc::ambiguous, "the provider did not answer in time", {}}; }

  Task<Result<HttpResponse>> serve(OutboundRequest request);

  HttpResponse next_answer();

  static HttpResponse json(int status, std::string body);

  HttpResponse act(const std::string& body);

  [[nodiscard]] bool is_inside_grace(const Grant& grant, const std::string& sent) const;

  HttpResponse granted(const std::string& name, Grant& grant);

  std::pair<std::string, std::string> mint(const std::string& name, Grant& grant, bool rotate);

  Clock& clock_;
  std::map<std::string, Grant> grants_;
  std::deque<Plan> plans_;
  std::deque<HttpResponse> answers_;
  std::deque<Completion<bool>> holds_;
  int in_flight_ = 0;
};

}  // namespace evergrant::test
