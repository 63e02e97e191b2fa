#include "api/service.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "access/rate_limits.hpp"
#include "api/handlers.hpp"
#include "api/idempotency.hpp"
#include "api/pages.hpp"
#include "api/problem.hpp"
#include "api/quick_token.hpp"
#include "api/route.hpp"
#include "net/address_guard.hpp"
#include "proxy/gateway.hpp"

namespace evergrant {
namespace {

// Query parameters: known to the route, none twice (a typo must not silently change what is asked).
Result<Parameters> read_query(const Route& route, const std::string& query) {
  if (route.query == "*") return Parameters{};  // the handler reads the raw query with rules of its own
  auto parameters = form_decode(query);
  if (!parameters) return fail(Errc::invalid_argument, "the query is not well-formed: a '%' lacks its two hex digits");
  const auto known = split(route.query, ' ');
  for (const auto& [name, value] : *parameters) {
    if (std::ranges::find(known, name) == known.end()) {
      return fail(Errc::invalid_argument, "'" + printable(name, 60) + "' is not a query parameter of this request",
                  known.empty() ? "this request takes none" : "known parameters: " + join(known, ", "));
    }
    if (count(*parameters, name) > 1)
      return fail(Errc::invalid_argument, "the query parameter '" + name + "' is given twice");
    if (!is_utf8(value)) return fail(Errc::invalid_argument, "the query parameter '" + name + "' is not UTF-8");
  }
  return std::move(*parameters);
}

// Where customers come by themselves, an error is a page as well.
bool is_for_browsers(std::string_view path) {
  constexpr std::array<std::string_view, 3> folders{"/connect/", "/callback/", "/connect-result/"};
  return std::ranges::any_of(folders, [&](std::string_view folder) { return path.starts_with(folder); });
}

constexpr std::size_t longest_method = 20;

std::string retry_seconds(Duration wait) {
  return std::to_string(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count()));
}

HttpResponse to_http(Reply reply) {
  HttpResponse response;
  response.status = reply.status;
  response.body = std::move(reply.body);
  if (!reply.content_type.empty()) response.headers.add("Content-Type", std::move(reply.content_type));
  const auto is_cache_control = [](const auto& header) { return header.first == "Cache-Control"; };
  if (std::ranges::none_of(reply.headers, is_cache_control)) response.headers.add("Cache-Control", "no-store");
  for (auto& [name, value] : reply.headers) response.headers.add(std::move(name), std::move(value));
  return response;
}

}  // namespace

Result<std::int64_t> query_integer(const Call& call, std::string_view name, std::int64_t otherwise, std::int64_t least,
                                   std::int64_t most) {
  const auto text = single(call.query, name);
  if (!text) return otherwise;
  std::int64_t value = 0;
  const auto* end = text->data() + text->size();
  const auto [stopped, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc{} || stopped != end || value < least || value > most) {
    return fail(Errc::invalid_argument, "'" + std::string{name} + "': expected a whole number from " +
                                            std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

std::string query_text(const Call& call, std::string_view name) { return single(call.query, name).value_or(""); }

struct ApiService::Impl {
  ApiParts parts;
  ApiOptions options;
  Handlers handlers;
  Idempotency idempotency;
  QuickToken quick_token{parts, options};
  RateLimits rate_limits{parts.clock};
  FailedKeys failed_keys{parts.clock};

  [[nodiscard]] bool is_public(const Route& route) const {
    return (!route.verb && !route.any_caller) || (route.action == "metrics" && !options.metrics_need_key);
  }

  // Behind an address of this machine there may be a proxy, which is everybody.
  [[nodiscard]] static bool may_be_limited(const Call& call) {
    return !call.request.local_peer && !is_loopback_host(call.request.remote);
  }

  // Before the store is asked for a key that is not known.
  Result<> hold_flood(Call& call, std::optional<std::string_view> header) {
    const auto wait = failed_keys.refuse(call.request.remote);
    if (!wait || (header && parts.callers.authenticate_now(*header, parts.clock.now()))) return {};
    parts.metrics.counter("evergrant_failed_key_floods_total", "Requests refused after too many invalid keys").increment();
    call.retry_after = wait;
    return fail(Errc::rate_limited, "too many requests without a valid API key came from this address",
                "wait for as long as Retry-After says");
  }

  // Refusals are counted and not written down: they are as many as a caller likes.
  Result<> count_request(Call& call, const Caller& caller) {
    const auto wait = rate_limits.refuse(caller);
    if (!wait) return {};
    parts.metrics.counter("evergrant_rate_limited_total", "Requests beyond a caller's requests_per_minute").increment();
    call.retry_after = wait;
    return fail(Errc::rate_limited, "this caller has used up its requests per minute",
                "wait for as long as Retry-After says");
  }

  // Authentication, and whether the caller may use this verb at all. Errors: unauthenticated, forbidden.
  Task<Result<>> admit(Call& call) {
    const auto header = call.request.headers.find("Authorization");
    if (call.request.headers.count("Authorization") > 1) co_return fail(Errc::unauthenticated, "two Authorization headers");
    Result<std::shared_ptr<const Caller>> caller = nullptr;
    if (!header && call.request.local_peer) {  // the kernel says who it is
      caller = options.local_callers->authenticate(*call.request.local_peer);
    } else {
      if (auto held = hold_flood(call, header); !held) co_return held;
      caller = co_await parts.callers.authenticate(header ? std::optional<std::string>{*header} : std::nullopt);
    }
    if (!caller) {
      parts.metrics.counter("evergrant_unauthenticated_total", "Requests without a valid API key").increment();
      if (may_be_limited(call) && caller.error().code == Errc::unauthenticated) failed_keys.note(call.request.remote);
      co_return std::unexpected(caller.error());
    }
    if (has_rate_limit(**caller)) {
      if (auto counted = count_request(call, **caller); !counted) co_return counted;
    }
    call.caller = *caller;
    call.audit.caller = call.caller->id;
    if (call.route->any_caller) co_return Result<>{};
    AccessRequest access{.verb = call.route->verb.value_or(Verb::admin), .registration = {}, .tenant = {}};
    if (call.route->whole) {
      access.registration = RegistrationId{"*"};
      access.tenant = TenantId{"*"};
    }
    co_return authorise(*call.caller, access);
  }

  Task<Result<Reply>> perform(Call& call) {
    if (call.route->request.empty() && !call.request.body.empty()) {
      co_return fail(Errc::invalid_argument, "this request takes no body");
    }
    const auto key = call.request.headers.find("Idempotency-Key");
    if (!key || !call.route->idempotent) co_return co_await (handlers.*call.route->handler)(call);
    if (call.request.headers.count("Idempotency-Key") > 1) {
      co_return fail(Errc::invalid_argument, "two Idempotency-Key headers");
    }
    const std::string name{*key};
    auto earlier = co_await idempotency.begin(call, name);
    if (!earlier) co_return std::unexpected(earlier.error());
    if (std::optional<Reply>& replayed = *earlier) co_return std::move(*replayed);
    auto reply = co_await (handlers.*call.route->handler)(call);
    Task<Result<>> keeping = reply ? idempotency.finish(call, name, *reply) : idempotency.forget(call, name);
    const auto kept = co_await std::move(keeping);
    if (!kept) parts.log.warning("idempotency_not_kept", {{"action", call.route->action}, {"reason", kept.error().message}});
    co_return reply;
  }

  // A failed call as a problem, with what a caller needs to reconnect the customer.
  [[nodiscard]] static HttpResponse problem(const Call& call, const Error& error) {
    Problem problem{.error = error, .members = call.problem_members, .retry_after = {}};
    if (error.code == Errc::rate_limited || (is_retryable(error.code) && error.code != Errc::stale)) {
      problem.retry_after = std::chrono::seconds{error.code == Errc::rate_limited ? 30 : 5};
    }
    if (call.retry_after) problem.retry_after = call.retry_after;
    if (call.route->gateway) problem.status = gateway_status(error.code);
    if (error.code == Errc::reauth_required) problem.members.emplace_back("reconnect", "/v1/connect-sessions");
    HttpResponse response = to_response(problem);
    // What evergrant says itself is told from what the provider says by a field that no provider's answer keeps.
    if (call.route == &proxy_route()) response.headers.add("Evergrant-Error", std::string{to_string(error.code)});
    if (call.route->gateway) response.headers.add("X-Evergrant-Code", std::string{to_string(error.code)});
    return response;
  }

  Task<HttpResponse> answer(Call& call) {
    if (!is_public(*call.route)) {
      auto admitted = co_await admit(call);
      if (!admitted && !call.caller) co_return problem(call, admitted.error());
      if (!admitted) co_return audited(call, problem(call, admitted.error()), to_string(admitted.error().code));
    }
    auto query = read_query(*call.route, call.request.query);
    if (!query) co_return audited(call, problem(call, query.error()), to_string(query.error().code));
    call.query = std::move(*query);
    const auto room = call.caller ? parts.audit.check_room() : Result<>{};
    if (!room) co_return problem(call, room.error());
    auto reply = co_await perform(call);
    if (!reply) co_return audited(call, problem(call, reply.error()), to_string(reply.error().code));
    co_return audited(call, to_http(std::move(*reply)), "ok");
  }

  // A proxied call: nothing, or the problem that the caller gets.
  Task<std::optional<HttpResponse>> proxy(Call& call, HttpExchange& exchange) {
    auto admitted = co_await admit(call);
    if (!admitted && !call.caller) co_return problem(call, admitted.error());
    if (!admitted) co_return refused(call, admitted.error(), {});
    if (const auto room = parts.audit.check_room(); !room) co_return problem(call, room.error());
    UnlessAudited unless_audited{*this, call};
    auto report = co_await handlers.proxy(call, exchange);
    unless_audited.done = true;
    if (!report) co_return refused(call, report.error(), {});
    call.audit.detail = report->text(printable(call.request.method, longest_method));
    if (auto refusal = std::move(report->refusal)) {
      for (auto& member : refusal->members) call.problem_members.push_back(std::move(member));
      co_return refused(call, refusal->error, refusal->retry_after);
    }
    note_made_call(call, report->broke.empty() ? "ok" : "broken");
    co_return std::nullopt;
  }
  // It has happened: there was room when it began, and if there is none left it is at least cried out.
  void note_made_call(Call& call, std::string_view result) const {
    if (audited(call, {}, result).status == HttpResponse{}.status) return;
    parts.log.error("audit_entry_lost", {{"caller", call.audit.caller.str()},
                                         {"connection", call.audit.connection.str()},
                                         {"action", call.audit.action},
                                         {"detail", call.audit.detail}});
    parts.metrics.counter("evergrant_audit_lost_total", "Calls that were made and for which the audit trail had no room")
        .increment();
  }
  // A call whose token was taken is in the trail however it ends: by an exception, or with the server.
  struct UnlessAudited {
    const Impl& service;
    Call& call;
    bool done = false;
    UnlessAudited(const Impl& of, Call& about) : service{of}, call{about} {}
    UnlessAudited(const UnlessAudited&) = delete;
    UnlessAudited& operator=(const UnlessAudited&) = delete;
    ~UnlessAudited() {
      if (!done && !call.audit.fingerprint.empty()) service.note_made_call(call, "broken");
    }
  };
  [[nodiscard]] HttpResponse refused(Call& call, const Error& error, std::optional<Duration> retry_after) const {
    HttpResponse response = problem(call, error);
    if (retry_after) response.headers.set("Retry-After", retry_seconds(*retry_after));
    return audited(call, std::move(response), to_string(error.code));
  }

  // Every use by a caller is in the audit trail, or it does not happen: `answer` asks for room first, and a token is not
  // handed out when it cannot be recorded after all.
  [[nodiscard]] HttpResponse audited(Call& call, HttpResponse response, std::string_view result) const {
    if (!call.caller) return response;
    call.audit.action = call.route->action;
    if (!call.caller->ancestors.empty()) {
      call.audit.detail += (call.audit.detail.empty() ? "" : ", ") + derived_from(*call.caller);
    }
    call.audit.result = result;
    call.audit.remote = call.request.remote;
    auto recorded = parts.audit.record(call.audit);
    if (!recorded) return problem(call, recorded.error());
    return response;
  }
};

ApiService::ApiService(const ApiParts& parts, const ApiOptions& options)
    : impl_{std::make_unique<Impl>(parts, options, Handlers{parts, options},
                                   Idempotency{parts.store, parts.vault, parts.clock})} {}
ApiService::~ApiService() = default;

Handlers::Handlers(ApiParts parts, ApiOptions options) : parts_{parts}, options_{std::move(options)} {}

Task<HttpResponse> ApiService::handle(HttpRequest request) {
  fold_gateway_path(request);
  auto match = match_route(request.method, request.path);
  if (match.route == nullptr && !match.allowed_methods.empty()) {
    co_return method_not_allowed(request.method, match.allowed_methods);
  }
  if (match.route == nullptr && is_for_browsers(request.path)) {
    co_return to_http(page(404, false, "There is nothing here", "Please go back to the application and start again."));
  }
  if (match.route == nullptr) {
    co_return to_response(
        Error{Errc::not_found, "there is nothing at " + printable(request.path, 100), "see /openapi.json"});
  }
  Call call{.request = std::move(request),
            .route = match.route,
            .path = std::move(match.parameters),
            .query = {},
            .caller = {},
            .audit = {},
            .retry_after = {},
            .problem_members = {}};
  auto response = co_await impl_->answer(call);
  if (!response.headers.find("X-Content-Type-Options")) response.headers.add("X-Content-Type-Options", "nosniff");
  if (impl_->options.public_url.starts_with("https://")) {
    response.headers.add("Strict-Transport-Security", "max-age=31536000");
  }
  co_return response;
}

bool ApiService::answer_now(const QuickRequest& request, const QuickPeer& peer, AnswerRoom& room) {
  return impl_->quick_token.answer(request, peer, room);
}

bool ApiService::streams(std::string_view, std::string_view path) const noexcept {
  return impl_->parts.proxy != nullptr && proxy_path(path).has_value();
}

Task<void> ApiService::stream(HttpRequest head, HttpExchange& exchange) {
  Call call{.request = std::move(head),
            .route = &proxy_route(),
            .path = {},
            .query = {},
            .caller = {},
            .audit = {},
            .retry_after = {},
            .problem_members = {}};
  auto refused = co_await impl_->proxy(call, exchange);
  if (!refused) co_return;
  refused->headers.add("X-Content-Type-Options", "nosniff");
  co_await exchange.answer(std::move(*refused));
}

}  // namespace evergrant
