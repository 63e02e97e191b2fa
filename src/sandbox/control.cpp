#include "sandbox/control.hpp"

#include <boost/json.hpp>
#include <boost/url.hpp>

#include "base/encoding.hpp"
#include "sandbox/answers.hpp"
#include "sandbox/control_clients.hpp"
#include "sandbox/control_grants.hpp"
#include "sandbox/json_number.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

struct Call {
  std::string method;
  std::vector<std::string> path;  // below /control
  Parameters query;
  json::object body;
  [[nodiscard]] bool is(std::string_view wanted, std::string_view first) const {
    return method == wanted && path.size() == 1 && path[0] == first;
  }
};

HttpResponse refused(const Error& error) { return problem(error.code == Errc::not_found ? 404 : 400, error); }

HttpResponse not_here() {
  return problem(404, {Errc::not_found, "the control API has no such method and path", "docs/sandbox.md lists them"});
}

json::object clock_json(const SandboxClock& clock) {
  return {{"now", to_rfc3339(clock.now())}, {"offset_ms", clock.offset().count()}, {"speed", clock.speed()}};
}

Result<> set_clock(const json::object& body, SandboxClock& clock) {
  constexpr std::int64_t most = 200LL * 366 * 86'400'000;  // two hundred years
  for (const auto& [name, value] : body) {
    const auto number = number_of<double>(value);
    if (name == "now" && value.is_string()) {
      const auto now = from_rfc3339(std::string_view{value.as_string()});
      if (!now) return fail(Errc::invalid_argument, "now: not a time", "such as 2027-01-31T12:00:00Z");
      clock.set(*now);
    } else if (name == "advance_s" && number && std::abs(*number) * 1000 < static_cast<double>(most)) {
      clock.advance(Duration{static_cast<std::int64_t>(*number * 1000)});
    } else if (name == "offset_ms" && number && std::abs(*number) < static_cast<double>(most)) {
      clock.advance(Duration{static_cast<std::int64_t>(*number)} - clock.offset());
    } else if (name == "speed" && number && *number >= 0 && *number <= 1e6) {
      clock.set_speed(*number);
    } else {
      return fail(Errc::invalid_argument, std::string{name} + ": not a setting of the clock, or not a value of it",
                  "now (RFC 3339), advance_s, offset_ms, speed (0 to 1000000)");
    }
  }
  return {};
}

HttpResponse settings(ControlDesk& desk, const Call& call) {
  if (call.method == "POST") {
    const auto applied = apply(call.body, desk.state.settings);
    if (!applied) return refused(applied.error());
  }
  return json_answer(200, to_json(desk.state.settings));
}

HttpResponse clock(ControlDesk& desk, const Call& call) {
  if (call.method == "POST") {
    const auto set = set_clock(call.body, desk.state.clock);
    if (!set) return refused(set.error());
    desk.state.changed = true;
  }
  return json_answer(200, clock_json(desk.state.clock));
}

HttpResponse add_fault(ControlDesk& desk, const Call& call) {
  auto rule = fault_from_json(call.body);
  if (!rule) return refused(rule.error());
  desk.faults.add(std::move(*rule));
  return json_answer(201, to_json(desk.faults.rules().back()));
}

HttpResponse faults(ControlDesk& desk, const Call& call) {
  if (call.is("POST", "faults")) return add_fault(desk, call);
  if (call.is("DELETE", "faults")) {
    desk.faults.clear();
    return empty_answer(204);
  }
  if (call.method == "DELETE" && call.path.size() == 2) {
    if (desk.faults.remove(call.path[1])) return empty_answer(204);
    return refused({Errc::not_found, "no such fault", "GET /control/faults lists them"});
  }
  if (!call.is("GET", "faults")) return not_here();
  json::array rules;
  for (const auto& rule : desk.faults.rules()) rules.push_back(to_json(rule));
  return json_answer(200, json::object{{"faults", std::move(rules)}});
}

json::object seen_json(const SeenRequest& seen) {
  return {{"number", seen.number},   {"at", to_rfc3339(seen.at)},   {"method", seen.method},
          {"path", seen.path},       {"endpoint", seen.endpoint},   {"grant_type", seen.grant_type},
          {"grant", seen.grant},     {"client_id", seen.client_id}, {"realm", seen.realm},
          {"outcome", seen.outcome}, {"status", seen.status},       {"error", seen.error},
          {"kid", seen.kid},         {"fault", seen.fault},         {"intuit_tid", seen.transaction_id}};
}

HttpResponse requests(const ControlDesk& desk, const Call& call) {
  const std::string since = single(call.query, "since").value_or("0");
  const std::int64_t after = std::strtoll(since.c_str(), nullptr, 10);
  const auto wanted = [&](std::string_view name, const std::string& value) {
    const auto asked = single(call.query, name);
    return !asked || *asked == value;
  };
  json::array shown;
  for (const auto& seen : desk.requests.entries()) {
    if (seen.number <= after || !wanted("endpoint", seen.endpoint) || !wanted("grant", seen.grant)) continue;
    if (!wanted("realm", seen.realm) || !wanted("grant_type", seen.grant_type)) continue;
    shown.push_back(seen_json(seen));
  }
  return json_answer(200, json::object{{"seen", desk.requests.seen()}, {"requests", std::move(shown)}});
}

HttpResponse rotate_keys(ControlDesk& desk, const Call& call) {
  const auto* keep = call.body.if_contains("keep_old");
  const auto rotated = desk.state.keys.rotate(keep == nullptr || !keep->is_bool() || keep->as_bool());
  if (!rotated) return problem(500, rotated.error());
  desk.state.changed = true;
  const auto keys = desk.state.keys.key_set();
  return keys ? json_answer(200, *keys) : problem(500, keys.error());
}

HttpResponse reset(ControlDesk& desk) {
  desk.state.reset();
  desk.faults.clear();
  desk.requests.clear();
  return empty_answer(204);
}

HttpResponse overview(const ControlDesk& desk) {
  std::int64_t alive = 0;
  for (const auto& grant : desk.state.ledger.grants()) alive += grant.alive ? 1 : 0;
  return json_answer(200, json::object{{"grants", desk.state.ledger.grants().size()},
                                       {"alive", alive},
                                       {"requests_seen", desk.requests.seen()},
                                       {"faults", desk.faults.rules().size()},
                                       {"clock", clock_json(desk.state.clock)},
                                       {"see", json::array{"/control/settings", "/control/clients", "/control/clock",
                                                           "/control/grants", "/control/requests", "/control/faults"}}});
}

Result<Call> read_call(const HttpRequest& request) {
  Call call{.method = request.method, .path = split(request.path, '/'), .query = {}, .body = {}};
  call.path.erase(call.path.begin());  // control
  call.query = form_decode(request.query).value_or(Parameters{});
  if (request.body.empty()) return call;
  const auto type = request.headers.find("content-type");
  if (!type || !to_lower_ascii(*type).starts_with("application/json")) {
    return fail(Errc::invalid_argument, "the body is not declared as JSON", "send Content-Type: application/json");
  }
  boost::system::error_code error;
  json::value body = json::parse(request.body, error);
  if (error || !body.is_object()) return fail(Errc::invalid_argument, "the body is not a JSON object");
  call.body = std::move(body.as_object());
  return call;
}

bool is_loopback_name(std::string_view host) { return host == "127.0.0.1" || host == "[::1]" || host == "localhost"; }

std::string_view without_port(std::string_view host) {
  const auto colon = host.rfind(':');
  return colon == std::string_view::npos || host.ends_with(']') ? host : host.substr(0, colon);
}

}  // namespace

bool is_foreign(const HttpRequest& request, std::string_view base_url) {
  const auto site = request.headers.find("sec-fetch-site");
  if (site && *site != "same-origin" && *site != "none") return true;
  const auto origin = request.headers.find("origin");
  if (origin && *origin != base_url) return true;
  // A name of another machine that resolves to this one (DNS rebinding).
  const auto host = request.headers.find("host");
  if (!host || is_loopback_name(without_port(*host))) return false;
  const auto own = boost::urls::parse_uri(base_url);
  return !own || own->encoded_host_and_port() != *host;
}

HttpResponse control(ControlDesk desk, const HttpRequest& request) {
  if (is_foreign(request, desk.state.options.base_url)) {
    return problem(403, {Errc::forbidden, "a web page of another origin may not control the sandbox", "use curl"});
  }
  const auto call = read_call(request);
  if (!call) return refused(call.error());
  const std::string area = call->path.empty() ? "" : call->path[0];
  if (area.empty() && call->method == "GET") return overview(desk);
  const bool reads_or_posts = call->path.size() == 1 && (call->method == "GET" || call->method == "POST");
  if (area == "settings" && reads_or_posts) return settings(desk, *call);
  if (area == "clock" && reads_or_posts) return clock(desk, *call);
  if (area == "faults") return faults(desk, *call);
  if (area == "clients" && reads_or_posts) return control_clients(desk.state, call->method, call->body);
  if (area == "grants") return control_grants(desk.state, call->method, call->path, call->query, call->body);
  if (call->is("GET", "requests")) return requests(desk, *call);
  if (call->is("POST", "reset")) return reset(desk);
  if (call->method == "POST" && call->path == std::vector<std::string>{"keys", "rotate"}) return rotate_keys(desk, *call);
  return not_here();
}

}  // namespace evergrant
