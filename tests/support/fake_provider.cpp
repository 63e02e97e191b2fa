#include "support/fake_provider.hpp"

#include <algorithm>
#include <utility>

#include "base/encoding.hpp"

namespace evergrant::test {

Completion<bool> FakeProvider::hold_next_request() {
  plans_.push_back(Plan::hold);
  holds_.emplace_back();
  return holds_.back();
}

std::pair<std::string, std::string> FakeProvider::grant(const std::string& name) {
  Grant& grant = grants_[name];
  grant.alive = true;
  return mint(name, grant, rotation != Rotation::self_refresh);
}

bool FakeProvider::is_good(const std::string& access_token) const {
  return std::ranges::any_of(grants_,
                             [&](const auto& one) { return one.second.alive && one.second.access == access_token; });
}

Task<Result<HttpResponse>> FakeProvider::send(OutboundRequest request) {
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

Task<Result<HttpResponse>> FakeProvider::serve(OutboundRequest request) {
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

HttpResponse FakeProvider::next_answer() {
  HttpResponse answer = std::move(answers_.front());
  answers_.pop_front();
  return answer;
}

HttpResponse FakeProvider::json(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

HttpResponse FakeProvider::act(const std::string& body) {
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

bool FakeProvider::is_inside_grace(const Grant& grant, const std::string& sent) const {
  if (rotation == Rotation::always_strict) return false;
  if (rotation == Rotation::sometimes || rotation == Rotation::self_refresh) return true;
  return clock_.now() - grant.superseded.at(sent) < grace;
}

HttpResponse FakeProvider::granted(const std::string& name, Grant& grant) {
  const bool rotate = rotation == Rotation::always_with_grace || rotation == Rotation::always_strict ||
                      (rotation == Rotation::sometimes && rotates_next);
  const auto [access, refresh] = mint(name, grant, rotate);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(lifetime).count();
  std::string answer =
      R"({"token_type":"bearer","access_token":")" + access + R"(","expires_in":)" + std::to_string(seconds);
  if (rotation != Rotation::never && rotation != Rotation::self_refresh) answer += R"(,"refresh_token":")" + refresh + '"';
  return json(200, answer + more_members + '}');
}

std::pair<std::string, std::string> FakeProvider::mint(const std::string& name, Grant& grant, bool rotate) {
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

}  // namespace evergrant::test
