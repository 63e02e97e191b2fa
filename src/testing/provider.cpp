#include "evergrant/testing/provider.hpp"

#include <boost/json.hpp>

#include "testing/bench_parts.hpp"

namespace evergrant::testing {
namespace {

namespace json = boost::json;

constexpr BenchProvider::Duration longest_delay{std::chrono::hours{1}};

// The requests of an endpoint, as docs/sandbox.md names them.
json::object fault_at(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::refresh: return {{"endpoint", "token"}, {"grant_type", "refresh_token"}};
    case Endpoint::code: return {{"endpoint", "token"}, {"grant_type", "authorization_code"}};
    case Endpoint::revoke: return {{"endpoint", "revoke"}};
    case Endpoint::api: return {{"endpoint", "api"}};
    case Endpoint::metadata: return {{"endpoint", "metadata"}};
    case Endpoint::any: break;
  }
  return {{"endpoint", "any"}};
}

std::string_view name_of(Rotation rotation) {
  switch (rotation) {
    case Rotation::never: return "never";
    case Rotation::sometimes: return "sometimes";
    case Rotation::always_with_grace: return "always_with_grace";
    case Rotation::always_strict: break;
  }
  return "always_strict";
}

std::string_view name_of(Garbled how) {
  switch (how) {
    case Garbled::malformed_json: return "malformed_json";
    case Garbled::truncated_json: return "truncated_json";
    case Garbled::empty_body: return "empty_body";
    case Garbled::numbers_as_strings: break;
  }
  return "numbers_as_strings";
}

json::object parsed(std::string_view text) {
  boost::system::error_code failed;
  const json::value value = json::parse(text, failed);
  if (failed || !value.is_object()) throw BenchError("not a JSON object: " + std::string{text});
  return value.as_object();
}

void post(BenchParts& parts, std::string_view path, const json::object& body) {
  parts.loop.at_rest([&] { parts.control("POST", path, json::serialize(body)); });
}

void act_on_grant(BenchParts& parts, std::string_view connection, std::string_view action, const json::object& body) {
  parts.loop.at_rest([&] {
    const std::string path = "/grants/" + parts.grant_of(connection).id + "/" + std::string{action};
    parts.control("POST", path, json::serialize(body));
  });
}

}  // namespace

std::string BenchProvider::url() const { return parts_.provider_url; }

void BenchProvider::lose_next_answer(int times, Endpoint endpoint) {
  auto fault = fault_at(endpoint);
  fault["count"] = times;
  fault["drop"] = "after";
  post(parts_, "/faults", fault);
}

void BenchProvider::lose_next_request(int times, Endpoint endpoint) {
  auto fault = fault_at(endpoint);
  fault["count"] = times;
  fault["drop"] = "before";
  post(parts_, "/faults", fault);
}

void BenchProvider::be_unreachable(Endpoint endpoint) {
  auto fault = fault_at(endpoint);
  fault["drop"] = "refuse";
  post(parts_, "/faults", fault);
}

void BenchProvider::hang(Endpoint endpoint) {
  auto fault = fault_at(endpoint);
  fault["latency_ms"] = longest_delay.count();
  fault["drop"] = "before";  // or it would be processed in the end, when nobody remembers it
  post(parts_, "/faults", fault);
}

void BenchProvider::delay(Duration by, Endpoint endpoint) {
  auto fault = fault_at(endpoint);
  fault["latency_after_ms"] = by.count();
  post(parts_, "/faults", fault);
}

void BenchProvider::answer_next(int status, std::string_view body, int times, Endpoint endpoint,
                                std::optional<std::chrono::seconds> retry_after) {
  auto fault = fault_at(endpoint);
  fault["count"] = times;
  fault["status"] = status;
  if (!body.empty()) fault["body"] = body;
  json::object headers;
  if (!body.empty() && body.front() == '{') headers["Content-Type"] = "application/json";
  if (retry_after) headers["Retry-After"] = std::to_string(retry_after->count());
  fault["headers"] = std::move(headers);
  post(parts_, "/faults", fault);
}

void BenchProvider::garble_next(Garbled how, int times, Endpoint endpoint) {
  auto fault = fault_at(endpoint);
  fault["count"] = times;
  fault["mangle"] = name_of(how);
  post(parts_, "/faults", fault);
}

void BenchProvider::inject(std::string_view fault_json) { post(parts_, "/faults", parsed(fault_json)); }

void BenchProvider::behave() {
  parts_.loop.at_rest([&] { parts_.control("DELETE", "/faults"); });
}

void BenchProvider::revoke(std::string_view connection) { act_on_grant(parts_, connection, "revoke", {}); }

void BenchProvider::expire_access_token(std::string_view connection) {
  act_on_grant(parts_, connection, "expire", {{"what", "access"}});
}

void BenchProvider::expire_refresh_token(std::string_view connection) {
  act_on_grant(parts_, connection, "expire", {{"what", "refresh"}});
}

void BenchProvider::rotate_like(Rotation rotation) { post(parts_, "/settings", {{"rotation", name_of(rotation)}}); }

void BenchProvider::rotate_keys(bool keep_old) { post(parts_, "/keys/rotate", {{"keep_old", keep_old}}); }

void BenchProvider::settings(std::string_view settings_json) { post(parts_, "/settings", parsed(settings_json)); }

Grant BenchProvider::grant(std::string_view connection) const {
  return parts_.loop.at_rest([&] { return parts_.grant_of(connection); });
}

int BenchProvider::refresh_requests(std::string_view connection) const { return grant(connection).refresh_requests; }

void BenchProvider::wait_for_refresh_requests(std::string_view connection, int count, std::chrono::seconds at_most) const {
  (void)grant(connection);  // throws here rather than on the loop
  BenchParts& parts = parts_;
  const bool came = parts.loop.wait_until(
      [&parts, id = std::string{connection}, count] { return parts.grant_of(id).refresh_requests >= count; }, at_most);
  if (!came) throw BenchError("fewer than " + std::to_string(count) + " refresh requests came in time");
}

std::vector<SeenRequest> BenchProvider::requests() const {
  return parts_.loop.at_rest([&] {
    std::vector<SeenRequest> all;
    const auto answer = json::parse(parts_.control("GET", "/requests"));
    for (const auto& entry : answer.at("requests").as_array()) {
      const auto text = [&](std::string_view name) { return std::string{entry.at(name).as_string()}; };
      all.push_back({.method = text("method"),
                     .path = text("path"),
                     .endpoint = text("endpoint"),
                     .grant_type = text("grant_type"),
                     .realm = text("realm"),
                     .outcome = text("outcome"),
                     .status = entry.at("status").to_number<int>()});
    }
    return all;
  });
}

}  // namespace evergrant::testing
