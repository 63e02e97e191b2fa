#include "sandbox/sandbox.hpp"

#include <array>
#include <boost/json.hpp>
#include <mutex>

#include "base/encoding.hpp"
#include "sandbox/answers.hpp"
#include "sandbox/api.hpp"
#include "sandbox/authorize.hpp"
#include "sandbox/client_check.hpp"
#include "sandbox/control.hpp"
#include "sandbox/pages.hpp"
#include "sandbox/state_file.hpp"
#include "sandbox/token.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

// Short paths, and Intuit's own.
constexpr std::array<std::pair<std::string_view, SandboxEndpoint>, 16> routes{
    {{"/", SandboxEndpoint::start},
     {"/.well-known/openid_configuration", SandboxEndpoint::metadata},
     {"/.well-known/openid_sandbox_configuration", SandboxEndpoint::metadata},
     {"/.well-known/openid-configuration", SandboxEndpoint::metadata},
     {"/authorize", SandboxEndpoint::authorize},
     {"/connect/oauth2", SandboxEndpoint::authorize},
     {"/authorize/consent", SandboxEndpoint::consent},
     {"/token", SandboxEndpoint::token},
     {"/oauth2/v1/tokens/bearer", SandboxEndpoint::token},
     {"/revoke", SandboxEndpoint::revoke},
     {"/v2/oauth2/tokens/revoke", SandboxEndpoint::revoke},
     {"/userinfo", SandboxEndpoint::userinfo},
     {"/v1/openid_connect/userinfo", SandboxEndpoint::userinfo},
     {"/jwks", SandboxEndpoint::jwks},
     {"/op/v1/jwks", SandboxEndpoint::jwks},
     {"/control", SandboxEndpoint::control}}};

SandboxEndpoint endpoint_of(std::string_view path) {
  if (path.starts_with("/v3/company/")) return SandboxEndpoint::api;
  if (path.starts_with("/control/")) return SandboxEndpoint::control;
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  for (const auto& [known, endpoint] : routes) {
    if (path == known) return endpoint;
  }
  return SandboxEndpoint::none;
}

// The `error` of an OAuth error answer.
std::string error_of(const HttpResponse& response) {
  if (response.status < 400) return {};
  boost::system::error_code failed;
  const json::value body = json::parse(response.body, failed);
  if (failed || !body.is_object()) return {};
  const auto* error = body.as_object().if_contains("error");
  return error != nullptr && error->is_string() ? printable(error->as_string(), 60) : std::string{};
}

}  // namespace

struct Sandbox::Impl {
  Impl(const SandboxOptions& options, const Clock& base_clock, Random& random, const Log& own_log)
      : state{options, base_clock, random}, requests{options.requests_remembered}, log{own_log} {}

  // A request between its coming and its going.
  struct Visit {
    SandboxEndpoint endpoint = SandboxEndpoint::none;
    FaultRule rule;
    SeenRequest seen;
    std::string counted;  // the grant whose token requests it counts among
    bool at_gate = false;
    std::string turned_away;  // by the API's limits
  };
  // Takes a visit out of the counts, also where its coroutine is given up.
  struct Leaving {
    Impl& sandbox;
    const Visit& visit;
    Leaving(Impl& owner, const Visit& of) : sandbox{owner}, visit{of} {}
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;
    ~Leaving() { sandbox.leave(visit); }
  };

  Visit arrive(const HttpRequest& request);
  void leave(const Visit& visit);
  HttpResponse process(const HttpRequest& request, Visit& visit);
  HttpResponse route(const HttpRequest& request, const Visit& visit);
  void note(Visit visit, std::string outcome, const HttpResponse& response);
  void describe(const HttpRequest& request, SeenRequest& seen);
  void save_if_changed();
  // The client whose jwks_uri must be asked for this request; nothing: none.
  std::optional<SandboxClient> client_without_keys(const HttpRequest& request, const Visit& visit);
  Task<void> fetch_keys(SandboxClient client);

  Fetch fetch;
  std::mutex mutex;
  SandboxState state;
  FaultList faults;
  RequestLog requests;
  const Log& log;
};

void Sandbox::Impl::describe(const HttpRequest& request, SeenRequest& seen) {
  const auto form = request.body.starts_with('{')
                        ? parameters_in(request)
                        : form_decode(request.method == "GET" ? request.query : request.body).value_or(Parameters{});
  seen.grant_type = printable(single(form, "grant_type").value_or(""), 60);
  seen.kid = assertion_kid(form);
  if (const auto credentials = read_credentials(request, form)) seen.client_id = printable(credentials->client_id, 60);
  if (seen.client_id.empty()) seen.client_id = printable(single(form, "client_id").value_or(""), 60);
  seen.realm = printable(realm_of_path(request.path), 64);
  if (const Grant* grant = grant_of(state, request)) {
    seen.grant = grant->id;
    if (seen.realm.empty()) seen.realm = grant->consent.realm;
    if (seen.client_id.empty()) seen.client_id = grant->consent.client_id;
  } else if (const auto* code = state.ledger.code(single(form, "code").value_or(""))) {
    seen.realm = code->consent.realm;
  }
}

Sandbox::Impl::Visit Sandbox::Impl::arrive(const HttpRequest& request) {
  const std::lock_guard lock{mutex};
  Visit visit;
  visit.endpoint = endpoint_of(request.path);
  visit.seen.at = state.clock.now();
  visit.seen.method = printable(request.method, 20);
  visit.seen.path = printable(request.path);
  visit.seen.endpoint = to_string(visit.endpoint);
  visit.seen.transaction_id = state.mint.transaction_id();
  if (visit.endpoint == SandboxEndpoint::control) return visit;
  describe(request, visit.seen);
  const FaultQuestion question{visit.endpoint, visit.seen.grant_type, visit.seen.realm, visit.seen.client_id};
  if (auto rule = faults.take(question)) visit.rule = std::move(*rule);
  visit.seen.fault = visit.rule.id;
  if (visit.rule.drop == Drop::refuse) return visit;
  if (visit.endpoint == SandboxEndpoint::api) {
    auto refused = state.gate.enter(visit.seen.realm, state.settings, visit.seen.at);
    visit.at_gate = !refused;
    visit.turned_away = std::move(refused).value_or("");
  }
  if (visit.endpoint != SandboxEndpoint::token) return visit;
  if (Grant* grant = state.ledger.by_id(visit.seen.grant)) {
    visit.counted = grant->id;
    ++grant->token_requests;
    grant->most_in_flight = std::max(grant->most_in_flight, ++grant->requests_in_flight);
  }
  return visit;
}

void Sandbox::Impl::leave(const Visit& visit) {
  if (visit.endpoint == SandboxEndpoint::control || visit.rule.drop == Drop::refuse) return;
  const std::lock_guard lock{mutex};
  if (visit.at_gate) state.gate.leave(visit.seen.realm);
  Grant* grant = state.ledger.by_id(visit.counted);
  if (grant != nullptr && grant->requests_in_flight > 0) --grant->requests_in_flight;
}

HttpResponse Sandbox::Impl::route(const HttpRequest& request, const Visit& visit) {
  switch (visit.endpoint) {
    case SandboxEndpoint::start: return page_answer(200, start_page(state));
    case SandboxEndpoint::metadata: return json_answer(200, metadata(state));
    case SandboxEndpoint::authorize: return authorize(state, request);
    case SandboxEndpoint::consent: return consent(state, request);
    case SandboxEndpoint::token: return token(state, request, visit.rule.id_token);
    case SandboxEndpoint::revoke: return revoke(state, request);
    case SandboxEndpoint::userinfo: return userinfo(state, request);
    case SandboxEndpoint::jwks: {
      const auto keys = state.keys.key_set();
      return keys ? json_answer(200, *keys) : oauth_error(500, "server_error", keys.error().message);
    }
    case SandboxEndpoint::api:
      if (!visit.turned_away.empty()) return throttled(request, visit.turned_away, state.clock.now());
      return accounting_api(state, request);
    case SandboxEndpoint::control:
      if (state.options.control) return evergrant::control({state, faults, requests}, request);
      break;
    case SandboxEndpoint::none: break;
  }
  return page_answer(404, refusal_page("not_found", "There is nothing at this address."));
}

HttpResponse Sandbox::Impl::process(const HttpRequest& request, Visit& visit) {
  const std::lock_guard lock{mutex};
  HttpResponse response = route(request, visit);
  response.headers.set("intuit_tid", visit.seen.transaction_id);
  if (visit.endpoint == SandboxEndpoint::token && visit.seen.grant.empty()) describe(request, visit.seen);  // just opened
  save_if_changed();
  return response;
}

std::optional<SandboxClient> Sandbox::Impl::client_without_keys(const HttpRequest& request, const Visit& visit) {
  if (visit.endpoint != SandboxEndpoint::token && visit.endpoint != SandboxEndpoint::revoke) return std::nullopt;
  const std::lock_guard lock{mutex};
  const SandboxClient* client = find_client(state.clients, visit.seen.client_id);
  const bool asserts = count(parameters_in(request), "client_assertion") > 0;
  if (client == nullptr || !asserts || !state.assertions.needs_keys(*client, state.clock.now())) return std::nullopt;
  return *client;
}

Task<void> Sandbox::Impl::fetch_keys(SandboxClient client) {
  Result<HttpResponse> answer = fail(Errc::unsupported, "nothing to fetch key sets with");
  if (fetch) {
    OutboundRequest ask;
    ask.url = client.jwks_uri;
    ask.allow_loopback_http = true;
    answer = co_await fetch(std::move(ask));
  }
  if (!answer) log.warning("sandbox_key_set_not_fetched", {{"url", client.jwks_uri}, {"why", answer.error().message}});
  const std::lock_guard lock{mutex};
  state.assertions.keep_keys(client, answer, state.clock.now());
}

void Sandbox::Impl::save_if_changed() {
  if (!state.changed) return;
  state.changed = false;
  if (state.options.state_file.empty()) return;
  const auto saved = save_state(state.options.state_file, state);
  if (!saved) log.error("sandbox_state_not_saved", {{"why", saved.error().message}});
}

void Sandbox::Impl::note(Visit visit, std::string outcome, const HttpResponse& response) {
  if (visit.endpoint == SandboxEndpoint::control) return;
  SeenRequest seen = std::move(visit.seen);
  seen.outcome = std::move(outcome);
  seen.status = response.status;
  seen.error = error_of(response);
  log.debug("sandbox_request", {{"endpoint", seen.endpoint},
                                {"grant", seen.grant},
                                {"outcome", seen.outcome},
                                {"status", seen.status},
                                {"error", seen.error},
                                {"fault", seen.fault}});
  const std::lock_guard lock{mutex};
  requests.add(std::move(seen));
}

Sandbox::Sandbox(const SandboxOptions& options, const Clock& base_clock, Random& random, const Log& log)
    : impl_{std::make_unique<Impl>(options, base_clock, random, log)} {}

Sandbox::~Sandbox() = default;

Result<> Sandbox::open() {
  const std::lock_guard lock{impl_->mutex};
  if (impl_->state.options.state_file.empty()) return {};
  return load_state(impl_->state.options.state_file, impl_->state);
}

void Sandbox::fetch_with(Fetch fetch) {
  const std::lock_guard lock{impl_->mutex};
  impl_->fetch = std::move(fetch);
}

void Sandbox::set_base_url(std::string base_url) {
  const std::lock_guard lock{impl_->mutex};
  impl_->state.options.base_url = std::move(base_url);
}

Task<HttpResponse> Sandbox::handle(HttpRequest request) {
  SandboxAnswer answered = co_await answer(std::move(request));
  co_return std::move(answered.response);
}

Task<SandboxAnswer> Sandbox::answer(HttpRequest request) {
  const HttpResponse nothing{.status = 0, .headers = {}, .body = {}};
  Impl::Visit visit = impl_->arrive(request);
  const Impl::Leaving leaving{*impl_, visit};
  const FaultRule rule = visit.rule;
  if (rule.drop == Drop::refuse) {
    impl_->note(visit, "refused", nothing);
    co_return SandboxAnswer{nothing, true};
  }
  if (rule.latency.count() > 0) co_await delay(rule.latency);
  if (rule.drop == Drop::before) {
    impl_->note(visit, "dropped_before", nothing);
    co_return SandboxAnswer{nothing, false};
  }
  HttpResponse response;
  if (!rule.status || rule.process) {
    auto client = impl_->client_without_keys(request, visit);
    if (client) co_await impl_->fetch_keys(std::move(*client));
    response = impl_->process(request, visit);
  }
  if (rule.status) response = replacement(rule);
  response = mangled(std::move(response), rule);
  if (!response.headers.find("intuit_tid")) response.headers.set("intuit_tid", visit.seen.transaction_id);
  if (rule.latency_after.count() > 0) co_await delay(rule.latency_after);
  if (rule.drop == Drop::after) {
    impl_->note(visit, "dropped_after", nothing);
    co_return SandboxAnswer{nothing, false};
  }
  impl_->note(visit, "answered", response);
  co_return SandboxAnswer{std::move(response), false};
}

HttpResponse Sandbox::control(std::string_view method, std::string_view path, std::string body) {
  HttpRequest request;
  request.method = method;
  const auto question = path.find('?');
  request.path = "/control" + std::string{path.substr(0, question)};
  if (question != std::string_view::npos) request.query = path.substr(question + 1);
  if (!body.empty()) request.headers.add("Content-Type", "application/json");
  request.body = std::move(body);
  Impl::Visit visit = impl_->arrive(request);
  return impl_->process(request, visit);
}

}  // namespace evergrant
