#include "proxy/proxied_call.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/encoding.hpp"
#include "net/address_guard.hpp"
#include "proxy/answer_head.hpp"
#include "proxy/header_rules.hpp"
#include "proxy/path_class.hpp"
#include "proxy/request_head.hpp"
#include "proxy/token_trace.hpp"

namespace evergrant {
namespace {

constexpr int switching_protocols = 101;
constexpr int continue_status = 100;

Error lost_answer(const UpstreamConnection::Loss& loss) {
  if (loss.malformed) {
    return {Errc::provider_rejected, "the provider's API answered with something that is no HTTP/1.1",
            "look at the provider"};
  }
  return {Errc::ambiguous,
          loss.timed_out ? "the provider's API did not answer in time; it may have acted"
                         : "the connection to the provider's API broke before it had answered; it may have acted",
          "look whether it has acted before the call is sent again"};
}

}  // namespace

ProxiedCall::ProxiedCall(Proxy& proxy, ProxyCall call, HttpExchange& exchange)
    : proxy_{proxy}, call_{std::move(call)}, exchange_{exchange}, kept_{proxy.options_.replay_bytes} {}

ProxiedCall::~ProxiedCall() { wipe(out_); }

void ProxiedCall::refuse(Error error, std::optional<Duration> retry_after) {
  report_.refusal = ProxyRefusal{.error = std::move(error), .retry_after = retry_after, .members = {}};
}

// The upload must have ended when this ends, whatever happens: it refers to what lives here. A short body is there before
// the gate is passed: whoever sends it slowly takes no place from the realm's other calls.
Task<ProxyReport> ProxiedCall::run() {
  if (auto ready = prepare(); !ready) {
    refuse(std::move(ready.error()));
    co_return std::move(report_);
  }
  if (const bool whole = co_await gather_if_short(); !whole) {
    report_.broke = "the caller's body broke off";
    co_return std::move(report_);
  }
  if (auto refused = enter_gate()) {
    report_.refusal = std::move(refused);
    co_return std::move(report_);
  }
  std::exception_ptr failure;
  try {
    co_await call_until_answered();
  } catch (...) {
    failure = std::current_exception();
  }
  co_await end_upload();
  if (failure) std::rethrow_exception(failure);
  proxy_.metrics_.count(call_.registration.id, report_.status);
  co_return std::move(report_);
}

Result<> ProxiedCall::prepare() {
  const auto& head = call_.head;
  // h2c is what some libraries offer with every first request, content to be ignored (RFC 9110 7.8).
  const auto upgrade = head.headers.find("Upgrade");
  if (upgrade && !equal_ignoring_case(trim(*upgrade), "h2c")) {
    return fail(Errc::unsupported, "the proxy carries no other protocol than HTTP",
                "leave Upgrade out, or read a token and call directly");
  }
  if (head.headers.count("Evergrant-Host") > 1) return fail(Errc::invalid_argument, "two Evergrant-Host headers");
  const auto host = head.headers.find("Evergrant-Host");
  if (host && host->empty()) return fail(Errc::invalid_argument, "the Evergrant-Host header is empty");
  const auto base = proxy_.bases_.find(call_.registration.id);
  auto target = build_target(call_.registration.provider, call_.extras, call_.lease.realm.str(),
                             {.path = call_.path, .query = head.query, .host = host.value_or("")},
                             base == proxy_.bases_.end() ? nullptr : &base->second);
  if (!target) return std::unexpected(target.error());
  target_ = std::move(*target);
  report_.host = target_.at.authority;
  report_.path_class = path_class(target_.path, call_.lease.realm.str());
  report_.generation = call_.lease.generation;
  return call_.rules ? call_.rules(head.method, target_.path) : Result<>{};
}

std::optional<ProxyRefusal> ProxiedCall::enter_gate() {
  const auto& inject = call_.registration.provider.inject;
  auto ticket = proxy_.gates_.enter(call_.registration.id, call_.lease.realm,
                                    {.at_once = inject.max_concurrency, .per_minute = inject.max_per_minute},
                                    proxy_.parts_.clock.now());
  if (ticket) {
    ticket_ = std::move(*ticket);
    return std::nullopt;
  }
  const bool at_once = ticket.error().limit == RealmLimit::at_once;
  return ProxyRefusal{
      .error = {Errc::rate_limited,
                at_once ? "as many calls are under way for this realm as its provider allows at once"
                        : "as many calls were made for this realm within a minute as its provider allows",
                "nothing was sent; inject.max_concurrency and inject.max_per_minute in the profile are the limits"},
      .retry_after = ticket.error().retry_after,
      .members = {{"limit", at_once ? "max_concurrency" : "max_per_minute"}}};
}

Task<void> ProxiedCall::call_until_answered() {
  while (true) {
    const bool opened = co_await open(fresh_);
    if (!opened) co_return;
    const bool prepared = co_await send_request();
    if (!prepared) co_return;
    auto head = co_await final_head();
    const Next next = head ? co_await after_head(std::move(*head)) : co_await after_loss();
    if (next == Next::finished) co_return;
    co_await end_upload();
    connection_.reset();
    upload_.reset();
    report_.bytes_up = 0;
    ticket_.note_again(proxy_.parts_.clock.now());
  }
}

// A short body is read before the provider is called: what comes slowly keeps no connection waiting, and it can be sent
// again. False: it broke off.
Task<bool> ProxiedCall::gather_if_short() {
  const auto length = exchange_.body_length();
  if (!length || *length > proxy_.options_.replay_bytes) co_return true;
  if (!exchange_.body_read()) {
    kept_.expect(exchange_.body_length().value_or(0));
    const bool told = co_await exchange_.send_continue();
    if (!told) co_return false;
  }
  while (true) {
    const auto piece = co_await exchange_.read();
    if (piece.broken) co_return false;
    if (piece.end) break;
    kept_.note(piece.bytes);
  }
  gathered_ = true;
  co_return true;
}

UpstreamEndpoint ProxiedCall::endpoint() const {
  const auto& own = proxy_.options_.private_hosts;
  const bool development = call_.registration.provider.allow_loopback_http;
  return {.tls = target_.at.tls,
          .host = target_.at.host,
          .port = target_.at.port,
          .loopback = development && is_loopback_host(target_.at.host),
          .any_address = std::ranges::find(own, target_.at.host) != own.end(),
          .shared_by = proxy_.options_.isolate_realms ? call_.lease.connection.str() : ""};
}

Task<bool> ProxiedCall::open(bool fresh) {
  const auto begun = std::chrono::steady_clock::now();
  auto opened = co_await proxy_.parts_.upstream.open(endpoint(), fresh, connecting_);
  connecting_ += std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun);
  if (!opened && acted_perhaps_ && opened.error().code == Errc::provider_unavailable) {
    refuse({Errc::ambiguous, "the provider's connection ended without an answer, and it cannot be reached again",
            "it may have acted; look before you ask again"});
    co_return false;
  }
  if (!opened) refuse(opened.error());
  if (!opened) co_return false;
  connection_ = std::move(*opened);
  co_return true;
}

// The head, and the body with it if it is here already; otherwise the body follows by itself. False: refused.
Task<bool> ProxiedCall::send_request() {
  const bool streams = !gathered_;
  const std::optional<std::uint64_t> length =
      streams ? exchange_.body_length() : std::optional<std::uint64_t>{kept_.bytes().size()};
  const bool asks_first = streams && exchange_.wants_continue();
  out_.clear();
  out_.reserve(2048 + (streams ? 0 : kept_.bytes().size()));
  auto written = append_request_head({.caller = call_.head,
                                      .target = target_,
                                      .inject = call_.registration.provider.inject,
                                      .realm = call_.lease.realm.str(),
                                      .access_token = call_.lease.access_token,
                                      .user_agent = proxy_.options_.user_agent,
                                      .length = length,
                                      .expects_continue = asks_first},
                                     out_);
  if (!written) {
    refuse(std::move(written.error()));
    co_return false;
  }
  if (!streams) out_.append(kept_.bytes());
  connection_->begin(call_.head.method == "HEAD");
  report_.sent = true;
  report_.generation = call_.lease.generation;
  if (call_.sending) call_.sending(call_.lease);
  sent_at_ = std::chrono::steady_clock::now();
  co_await connection_->send(out_);  // what fails here is seen when the answer is read
  explicit_bzero(out_.data(), out_.size());
  out_.clear();
  if (streams) {
    upload_ = std::make_unique<Upload>();
    upload_->waits = asks_first;
    Executor& here = co_await current_executor();
    start_upload(here);
  } else {
    report_.bytes_up = kept_.bytes().size();
    connection_->request_sent(true);
  }
  co_return true;
}

// The answer's head behind all interim ones.
Task<std::optional<UpstreamHead>> ProxiedCall::final_head() {
  while (true) {
    auto head = co_await connection_->read_head();
    if (!head) co_return std::nullopt;
    if (head->status == continue_status && upload_) upload_->go.set(true);
    if (head->status >= 200 || head->status == switching_protocols) {
      const auto taken = std::chrono::steady_clock::now() - sent_at_;
      proxy_.metrics_.time_to_answer(call_.registration.id, taken);
      co_return head;
    }
  }
}

bool ProxiedCall::replayable() const {
  if (gathered_) return true;
  return upload_ && (upload_->withheld || (upload_->complete && kept_.fits()));
}

Task<ProxiedCall::Next> ProxiedCall::after_loss() {
  const LostConnection lost{.reused = connection_->reused(),
                            .answer_begun = connection_->answer_begun(),
                            .nothing_sent = connection_->bytes_sent() == 0,
                            .replayable = gathered_,
                            .timed_out = connection_->loss().timed_out};
  if (may_send_again(call_.head.method, lost)) {
    fresh_ = true;
    acted_perhaps_ = acted_perhaps_ || !lost.nothing_sent;
    co_return Next::again;
  }
  const auto loss = connection_->loss();
  co_await end_upload();
  if (upload_ && upload_->caller_gone) {
    report_.broke = "the caller's body broke off";
    co_return Next::finished;
  }
  refuse(lost_answer(loss));
  co_return Next::finished;
}

Task<ProxiedCall::Next> ProxiedCall::after_head(UpstreamHead head) {
  if (head.status == switching_protocols) {
    refuse({Errc::provider_rejected, "the provider's API changed to another protocol, unasked", "look at the provider"});
    co_return Next::finished;
  }
  report_.status = head.status;
  report_.correlation =
      correlation_of(head, call_.registration.provider.token.correlation_headers, call_.lease.access_token);
  // Refused before the body was asked for: then it is still the caller's, and can go with the next token.
  if (head.status == 401 && upload_ && !upload_->started) upload_->withheld = upload_->go.try_set(false);
  const std::string challenge = head.status == 401 || head.status == 403 ? joined(head.headers, "WWW-Authenticate") : "";
  const auto verdict = judge_answer(
      {.status = head.status, .challenge = challenge, .replayable = replayable(), .replayed = report_.replayed});
  if (verdict.action == AnswerAction::step_up) {
    step_up(verdict);
    co_return Next::finished;
  }
  if (verdict.action != AnswerAction::pass) {
    const bool replays = verdict.action == AnswerAction::refresh_and_replay;
    const bool refreshed = co_await refresh_token(replays);
    if (refreshed && replays) {
      co_await end_upload();
      co_await discard_answer();
      if (!gathered_ && upload_->complete) gathered_ = true;  // what was streamed was kept
      report_.replayed = true;
      co_return Next::again;
    }
    refreshed_ = refreshed;
  }
  co_await deliver(std::move(head));
  co_return Next::finished;
}

void ProxiedCall::step_up(const AnswerVerdict& verdict) {
  std::string message = "the provider asks for more than the customer has granted";
  const auto shown = [&](const std::string& words) {
    return !words.empty() && !repeats_token(words, call_.lease.access_token);
  };
  if (shown(verdict.description)) message += ": " + verdict.description;
  refuse({Errc::insufficient_scope, std::move(message), "send the customer through a connect session with these scopes"});
  if (shown(verdict.scope)) report_.refusal->members.emplace_back("scope", verdict.scope);
  report_.refusal->members.emplace_back("reconnect", "/v1/connect-sessions");
}

// REF-16, REF-18: whoever was first has a newer one already, and it is simply taken. False: there is none to be had now.
// Where the answer is passed on after all, the call stays that of the token that was sent: it is what the answer may repeat.
Task<bool> ProxiedCall::refresh_token(bool replays) {
  auto lease = co_await proxy_.parts_.tokens.refresh(call_.row, call_.lease.generation, std::nullopt);
  if (!lease) co_return false;
  const bool newer = lease->generation != call_.lease.generation;
  if (newer && replays) call_.lease = std::move(*lease);
  co_return newer;
}

// A short rest is read, so that the connection serves on.
Task<void> ProxiedCall::discard_answer() {
  constexpr std::size_t worth_reading = 64U << 10U;
  std::size_t seen = 0;
  while (seen <= worth_reading) {
    const auto piece = co_await connection_->read();
    if (piece.end) co_await proxy_.parts_.upstream.give_back(std::move(connection_));
    if (piece.end || piece.broken) co_return;
    seen += piece.bytes.size();
  }
}

}  // namespace evergrant
