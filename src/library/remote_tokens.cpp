#include "evergrant/remote_tokens.hpp"

#include <algorithm>
#include <utility>

#include "base/encoding.hpp"
#include "library/engine_thread.hpp"
#include "library/lease_shelf.hpp"
#include "library/server_answer.hpp"
#include "library/waiters.hpp"
#include "lifecycle/single_flight.hpp"
#include "net/http_client.hpp"

namespace evergrant::library {
namespace {

// The token that a server has left may be shorter than the margin: then it is asked once a second, not at each use.
constexpr Duration good_for_now{std::chrono::seconds{1}};
// The server answers within the time that it is given; so much more for the way.
constexpr Duration on_the_way{std::chrono::seconds{5}};

// A request of which nothing is a view.
struct Question {
  std::string key;   // what the lease is kept under
  std::string path;  // of the API
  std::string registration;
  std::string pair;
  std::string body;  // of a POST; empty: a GET
  Duration min_ttl{0}, wait{0};
  bool names_wait = true;  // else the server goes by its own rules: who only prefers a newer token waits for less

  [[nodiscard]] std::string flight() const { return key + '\n' + std::to_string(min_ttl.count()) + body; }
  [[nodiscard]] std::string target() const {
    const auto seconds = [](Duration time) { return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()); };
    std::string query;
    const auto add = [&query](std::string_view name, const std::string& value) {
      query.append(query.empty() ? "?" : "&").append(name).append("=").append(value);
    };
    if (names_wait) add("wait", seconds(wait));
    if (min_ttl > Duration{0}) add("min_ttl", seconds(min_ttl));
    if (!pair.empty()) add("pair", percent_encode(pair));
    return path + query;
  }
};

std::string kept_under(std::string_view account, std::string_view pair) {
  return pair.empty() ? std::string{account} : std::string{account} + '\r' + std::string{pair};
}

std::string kept_under(const TokenRequest& request) {
  if (!request.connection.empty()) return kept_under(request.connection, request.pair);
  return kept_under(std::string{request.registration} + '\n' + std::string{request.realm}, request.pair);
}

std::string path_of(const TokenRequest& request) {
  if (!request.connection.empty()) return "/v1/connections/" + percent_encode(request.connection) + "/token";
  return "/v1/registrations/" + percent_encode(request.registration) + "/realms/" + percent_encode(request.realm) + "/token";
}

// The last that is known of the token stands while nobody can be asked.
bool may_be_away(Errc code) { return code == Errc::provider_unavailable || code == Errc::ambiguous || is_retryable(code); }

}  // namespace

struct RemoteTokens::Impl {
  explicit Impl(RemoteOptions given)
      : options{std::move(given)},
        clock{options.clock ? options.clock : std::make_shared<SystemClock>()},
        http{{.ca_file = options.ca_file.string(), .unix_socket = options.unix_socket}},
        shelf{std::max<std::size_t>(1, options.leases)},
        waiters{options.resume} {}

  Task<Result<TokenLease>> fetch(Question question);
  Task<Result<TokenLease>> ask(Question question);
  void stop();

  RemoteOptions options;
  std::shared_ptr<Clock> clock;
  HttpClient http;
  LeaseShelf shelf;
  SingleFlight flights;  // of the engine's thread
  EngineThread engine;
  Waiters waiters;
};

Task<Result<TokenLease>> RemoteTokens::Impl::ask(Question question) {
  OutboundRequest request;
  request.method = question.body.empty() ? "GET" : "POST";
  request.url = options.url + question.target();
  request.headers.add("Accept", "application/json");
  request.headers.add("Authorization", "Bearer " + std::string{options.api_key.reveal()});
  if (!question.body.empty()) request.headers.add("Content-Type", "application/json");
  request.body = question.body;
  request.timeout = question.wait + on_the_way;
  request.allow_loopback_http = true;
  auto response = co_await http.send(std::move(request));
  if (!response) {
    co_return fail(Errc::provider_unavailable,
                   "evergrant at " + options.url + " cannot be reached: " + response.error().message,
                   "is the server running, and the address right?");
  }
  co_return read_answer(std::move(*response), question.registration);
}

// One question for all who have the same; each is then given a lease of its own.
Task<Result<TokenLease>> RemoteTokens::Impl::fetch(Question question) {
  const std::string flight = question.flight();
  if (!flights.begin(flight)) {
    const auto outcome = co_await flights.join(flight);
    if (!outcome) co_return std::unexpected(outcome.error());
    auto lease = shelf.find(question.key, {.now = clock->now(), .least_left = {}, .most_age = Duration::max()});
    if (!lease) co_return fail(Errc::provider_unavailable, "the token ended while it was waited for", "ask again");
    co_return std::move(*lease);
  }
  auto lease = co_await ask(question);
  const Time now = clock->now();
  if (lease) shelf.put(question.key, *lease, now);
  if (!lease && may_be_away(lease.error().code) && question.body.empty()) {
    auto last = shelf.find(question.key, {.now = now, .least_left = {}, .most_age = Duration::max()});
    if (last) lease = std::move(*last);
  } else if (!lease) {
    shelf.forget(question.key);
  }
  flights.end(flight, lease ? Result<>{} : Result<>{std::unexpected(lease.error())});
  co_return lease;
}

void RemoteTokens::Impl::stop() {
  http.stop();
  engine.join();
  waiters.give_up();
  engine.loop().drop_tasks();
}

RemoteTokens::RemoteTokens(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

Result<std::unique_ptr<RemoteTokens>> RemoteTokens::make(RemoteOptions options) {
  if ((!options.url.starts_with("http://") && !options.url.starts_with("https://")) || options.url.ends_with('/')) {
    return fail(Errc::invalid_argument, "RemoteOptions::url \"" + printable(options.url, 200) + "\" is no such address",
                "give the server's, as https://tokens.example.com, without a slash at the end");
  }
  auto impl = std::make_unique<Impl>(std::move(options));
  const bool own = impl->options.threads == Threads::own;
  if (auto ready = own ? impl->http.start() : impl->http.open(); !ready) return std::unexpected(ready.error());
  if (own) impl->engine.start();
  return std::unique_ptr<RemoteTokens>{new RemoteTokens{std::move(impl)}};
}

RemoteTokens::~RemoteTokens() { impl_->stop(); }

Result<> RemoteTokens::run() {
  if (impl_->engine.run()) return {};
  return fail(Errc::conflict, "it runs already, or has been stopped", "call run() once");
}

void RemoteTokens::run_http() {
  if (impl_->options.threads == Threads::application) impl_->http.run();
}

void RemoteTokens::stop() { impl_->stop(); }

Pending<TokenLease> RemoteTokens::get(const TokenRequest& request) {
  if (request.connection.empty() && (request.registration.empty() || request.realm.empty())) {
    return Result<TokenLease>{fail(Errc::invalid_argument,
                                   "a token is asked for by connection, or by registration and realm",
                                   "TokenRequest: give one of these")};
  }
  Question question{.key = kept_under(request),
                    .path = path_of(request),
                    .registration = std::string{request.registration},
                    .pair = std::string{request.pair},
                    .body = {},
                    .min_ttl = request.min_ttl,
                    .wait = request.deadline.value_or(impl_->options.wait),
                    .names_wait = request.deadline.has_value()};
  const Time now = impl_->clock->now();
  auto kept = impl_->shelf.find(
      question.key,
      {.now = now, .least_left = std::max(request.min_ttl, impl_->options.margin), .most_age = impl_->options.max_age});
  if (!kept) kept = impl_->shelf.find(question.key, {.now = now, .least_left = {}, .most_age = good_for_now});
  if (kept) return Result<TokenLease>{std::move(*kept)};
  const Duration limit = question.wait + on_the_way * 2;
  return impl_->waiters.start(impl_->engine.loop(), impl_->fetch(std::move(question)), limit);
}

Pending<TokenLease> RemoteTokens::invalidate(const TokenLease& lease, std::optional<Duration> deadline) {
  impl_->shelf.forget_refused(lease);
  Question question{.key = kept_under(lease.connection(), lease.pair()),
                    .path = "/v1/connections/" + percent_encode(lease.connection()) + "/refresh",
                    .registration = std::string{lease.registration()},
                    .pair = std::string{lease.pair()},
                    .body = R"({"generation":)" + std::to_string(lease.generation()) + '}',
                    .wait = deadline.value_or(impl_->options.wait)};
  const Duration limit = question.wait + on_the_way * 2;
  return impl_->waiters.start(impl_->engine.loop(), impl_->fetch(std::move(question)), limit);
}

}  // namespace evergrant::library
