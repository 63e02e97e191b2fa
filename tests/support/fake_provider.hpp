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
  [[nodiscard]] Completion<bool> hold_next_request() {
    plans_.push_back(Plan::hold);
    holds_.emplace_back();
    return holds_.back();
  }
  // Runs when the provider has acted, before it answers.
  std::function<void()> after_acting;

  // A new grant's first tokens: {access token, refresh token}.
  std::pair<std::string, std::string> grant(const std::string& name) {
    Grant& grant = grants_[name];
    grant.alive = true;
    return mint(name, grant, rotation != Rotation::self_refresh);
  }
  void kill(const std::string& name) { grants_.at(name).alive = false; }
  [[nodiscard]] bool alive(const std::string& name) const { return grants_.at(name).alive; }
  [[nodiscard]] bool is_good(const std::string& access_token) const {
    return std::ranges::any_of(grants_,
                               [&](const auto& one) { return one.second.alive && one.second.access == access_token; });
  }
  [[nodiscard]] const std::string& refresh_token_of(const std::string& name) const { return grants_.at(name).refresh; }

  int token_requests = 0;
  int most_in_flight = 0;  // at once, all grants together
  int reuses = 0;          // superseded refresh tokens that were sent outside of the grace window
  std::vector<Time> requested_at;
  std::vector<std::string> hosts;

  Task<Result<HttpResponse>> send(OutboundRequest request) override {
    if (request.method == "GET") {
      if (key_set.empty()) co_return std::unexpected(Error{Errc::provider_unavailable, "cannot connect", {}});
      co_return json(200, key_set);
    }
    ++token_requests;
    requested_at.push_back(clock_.now());
    hosts.push_back(request.url);
    most_in_flight = std::max(most_in_flight, ++in_flight_);
    auto answer = co_await serve(std::move(request));
    --in_flight_;
    co_return answer;
  }

 private:
  enum class Plan : std::uint8_t { usual, drop_before, drop_after, refuse, garble, answer, hold };
  struct Grant {
    bool alive = true;
    int minted = 0;
    std::string access, refresh;
    std::map<std::string, Time> superseded;
  };

  static Error lost() { return {Errc::ambiguous, "the provider did not answer in time", {}}; }

  Task<Result<HttpResponse>> serve(OutboundRequest request) {
    Plan plan = Plan::usual;
    if (!plans_.empty()) {
      plan = plans_.front();
      plans_.pop_front();
    }
    if (plan == Plan::refuse) co_return std::unexpected(Error{Errc::provider_unavailable, "cannot connect", {}});
    const bool is_stuck = !hanging_host.empty() && request.url.find(hanging_host) != std::string::npos;
    if (hangs || is_stuck || plan == Plan::drop_before) {
      co_await delay(request.timeout);
      co_return std::unexpected(lost());
    }
    if (plan == Plan::hold) {
      const Completion<bool> held = holds_.front();
      holds_.pop_front();
      co_await held;
    }
    if (latency > Duration{0}) co_await delay(latency);
    HttpResponse response = plan == Plan::answer ? next_answer() : act(request.body);
    if (after_acting) after_acting();
    if (plan == Plan::drop_after) {
      co_await delay(request.timeout);
      co_return std::unexpected(lost());
    }
    if (plan == Plan::garble) response.body = "<html>200 from a broken proxy</html>";
    co_return response;
  }

  HttpResponse next_answer() {
    HttpResponse answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }

  static HttpResponse json(int status, std::string body) {
    HttpResponse response;
    response.status = status;
    response.headers.add("Content-Type", "application/json");
    response.body = std::move(body);
    return response;
  }

  HttpResponse act(const std::string& body) {
    if (always) return *always;
    const auto form = form_decode(body).value_or(Parameters{});
    const std::string sent = single(form, "refresh_token").value_or("");
    for (auto& [name, grant] : grants_) {
      if (grant.refresh != sent && !grant.superseded.contains(sent)) continue;
      if (!grant.alive) break;
      if (grant.refresh != sent && !is_inside_grace(grant, sent)) {
        ++reuses;
        grant.alive = rotation != Rotation::always_strict;  // a reuse check kills the family
        break;
      }
      return granted(name, grant);
    }
    return json(400, R"({"error":"invalid_grant"})");
  }

  [[nodiscard]] bool is_inside_grace(const Grant& grant, const std::string& sent) const {
    if (rotation == Rotation::always_strict) return false;
    if (rotation == Rotation::sometimes || rotation == Rotation::self_refresh) return true;
    return clock_.now() - grant.superseded.at(sent) < grace;
  }

  HttpResponse granted(const std::string& name, Grant& grant) {
    const bool rotate = rotation == Rotation::always_with_grace || rotation == Rotation::always_strict ||
                        (rotation == Rotation::sometimes && rotates_next);
    const auto [access, refresh] = mint(name, grant, rotate);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(lifetime).count();
    std::string answer =
        R"({"token_type":"bearer","access_token":")" + access + R"(","expires_in":)" + std::to_string(seconds);
    if (rotation != Rotation::never && rotation != Rotation::self_refresh) answer += R"(,"refresh_token":")" + refresh + '"';
    return json(200, answer + more_members + '}');
  }

  std::pair<std::string, std::string> mint(const std::string& name, Grant& grant, bool rotate) {
    ++grant.minted;
    grant.access = "at-" + name + '-' + std::to_string(grant.minted);
    if (rotation == Rotation::self_refresh) {  // the access token is what is sent for the next one
      if (!grant.refresh.empty()) grant.superseded[grant.refresh] = clock_.now();
      grant.refresh = grant.access;
    }
    if (rotate) {
      if (!grant.refresh.empty()) grant.superseded[grant.refresh] = clock_.now();
      grant.refresh = "rt-" + name + '-' + std::to_string(grant.minted);
    }
    return {grant.access, grant.refresh};
  }

  Clock& clock_;
  std::map<std::string, Grant> grants_;
  std::deque<Plan> plans_;
  std::deque<HttpResponse> answers_;
  std::deque<Completion<bool>> holds_;
  int in_flight_ = 0;
};

}  // namespace evergrant::test
