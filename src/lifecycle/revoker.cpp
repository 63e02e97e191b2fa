#include "lifecycle/revoker.hpp"

#include <algorithm>
#include <set>

#include "base/encoding.hpp"
#include "lifecycle/connect.hpp"
#include "lifecycle/offboarding_end.hpp"
#include "oauth/host_variables.hpp"
#include "oauth/metadata.hpp"

namespace evergrant {
namespace {

constexpr int rows_at_once = 100;
constexpr int longest_look = 10'000;  // rows at once, where the first ones belong to registrations that have no place free
constexpr std::size_t most_in_flight = 32;
constexpr std::size_t most_per_registration = 8;  // a hanging provider holds these, not the others' places
constexpr Duration first_outbox_retry{std::chrono::seconds{5}};
constexpr Duration longest_retry{std::chrono::hours{1}};
constexpr Duration longest_asked{std::chrono::hours{24}};  // whatever a Retry-After says
constexpr Duration give_up_after{std::chrono::days{30}};   // REV-05: never blocked for ever by a provider that is gone

Event event_of(const OutboxItem& item, Time at, std::string type, std::string detail, std::string correlation) {
  return {.sequence = 0,
          .at = at,
          .type = std::move(type),
          .connection = item.connection,
          .registration = item.registration,
          .tenant = item.tenant,
          .realm = item.realm,
          .generation = item.generation,
          .detail = std::move(detail),
          .code = {},
          .correlation = std::move(correlation)};
}

Event event_of(const Connection& connection, Time at, std::string type, std::string detail) {
  return {.sequence = 0,
          .at = at,
          .type = std::move(type),
          .connection = connection.id,
          .registration = connection.registration,
          .tenant = connection.tenant,
          .realm = connection.realm,
          .generation = connection.generation,
          .detail = std::move(detail),
          .code = {},
          .correlation = {}};
}

std::string sentence_of(RevocationOutcome outcome) {
  switch (outcome) {
    case RevocationOutcome::revoked: return "the provider confirmed the revocation";
    case RevocationOutcome::assumed: return "the provider says that the grant was dead already";
    case RevocationOutcome::unsupported: return "this provider has no way to revoke; the tokens are erased here";
    case RevocationOutcome::try_again: return "the provider has not confirmed yet";
  }
  return {};
}

// Exponential, full jitter (REF-12), or what the provider asks for.
Time next_try(const OutboxItem& item, std::optional<Duration> asked, Time now, Random& random) {
  if (asked) return now + std::clamp(*asked, first_outbox_retry, longest_asked);
  Duration most = first_outbox_retry;
  for (int i = 0; i < item.tries && most < longest_retry; ++i) most *= 2;
  most = std::min(most, longest_retry);
  return now + std::chrono::seconds{1} +
         Duration{static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most.count())))};
}

}  // namespace

struct Revoker::Impl {
  TokenService::Parts parts;
  TokenService& tokens;
  Duration look_every;
  RevocationEndpoint endpoint;
  OffboardingEnd offboardings;
  bool stopped = false;
  std::set<std::int64_t> in_flight;
  std::map<RegistrationId, std::size_t> per_registration;
  std::optional<Completion<bool>> idle;  // set while `run` waits for something to do
  Time wide_look_at;
  bool look_again = false;  // something changed while `run` was looking

  void wake() {
    look_again = true;
    if (idle) idle->set(true);
  }

  Task<Result<bool>> is_shared(const Connection& connection) {
    if (connection.upstream_grant.empty()) co_return false;
    auto siblings = co_await parts.store.sharing(connection.registration, connection.upstream_grant);
    if (!siblings) co_return std::unexpected(siblings.error());
    co_return std::ranges::any_of(*siblings, [&](const Connection& other) {
      return other.id != connection.id && other.status != Status::revoking && other.status != Status::revoked;
    });
  }

  Task<Result<Connection>> revoke(RevokeRequest request) {
    auto connection = co_await parts.store.connection(request.connection);
    if (connection && !connection->main.empty()) {  // a token pair ends with its connection (REF-23)
      request.connection = connection->main;
      connection = co_await parts.store.connection(request.connection);
    }
    if (connection && connection->status == Status::revoked) tokens.forget(request.connection);  // another process did it
    if (!connection || connection->status == Status::revoked) co_return connection;
    auto shared = co_await is_shared(*connection);
    if (!shared) co_return std::unexpected(shared.error());
    const bool tell = request.force || !*shared;
    const auto now = parts.clock.now();
    auto reason = request.reason;
    if (!tell) reason += "; the provider keeps the grant, since another connection lives on it";
    auto pairs = co_await parts.store.pairs_of(request.connection);
    if (!pairs) co_return std::unexpected(pairs.error());
    auto begun = co_await parts.store.begin_revocation(request.connection, tell, reason, now,
                                                       event_of(*connection, now, "revoking", reason));
    tokens.forget(request.connection);
    for (const auto& pair : *pairs) tokens.forget(pair.id);
    if (!begun && begun.error().code == Errc::revoked) co_return co_await parts.store.connection(request.connection);
    wake();
    co_return begun;
  }

  Task<Result<std::int64_t>> revoke_all(TenantId tenant, std::int64_t& already) {
    std::int64_t begun = 0;
    std::string cursor;
    while (true) {
      ConnectionFilter filter;
      filter.tenant = tenant;
      filter.main_only = true;
      auto page = co_await parts.store.connections(filter, cursor, rows_at_once);
      if (!page) co_return std::unexpected(page.error());
      for (const auto& connection : page->items) {
        const bool over = connection.status == Status::revoked;
        if (over) ++already;
        if (over || connection.status == Status::revoking) continue;
        RevokeRequest request{.connection = connection.id, .reason = "the tenant was off-boarded", .force = false};
        auto revoked = co_await revoke(std::move(request));
        if (!revoked) co_return std::unexpected(revoked.error());
        ++begun;
      }
      if (page->next.empty()) co_return begun;
      cursor = page->next;
    }
  }

  // Connections of the tenant that are not revoked yet.
  Task<Result<std::int64_t>> waiting(TenantId tenant) {
    std::int64_t count = 0;
    for (const Status status : {Status::revoking, Status::active, Status::reauth_required, Status::quarantined}) {
      std::string cursor;
      do {
        ConnectionFilter filter;
        filter.tenant = tenant;
        filter.status = status;
        auto page = co_await parts.store.connections(filter, cursor, rows_at_once);
        if (!page) co_return std::unexpected(page.error());
        count += static_cast<std::int64_t>(page->items.size());
        cursor = page->next;
      } while (!cursor.empty());
    }
    co_return count;
  }

  Task<Result<OffboardReport>> offboard(TenantId tenant) {
    if (auto checked = check_tenant(tenant); !checked) co_return std::unexpected(checked.error());
    auto marked = co_await offboardings.mark(tenant);
    if (!marked) co_return std::unexpected(marked.error());
    OffboardReport report{.tenant = tenant, .at = parts.clock.now()};
    auto dated = co_await parts.store.set_meta(offboarded_name(tenant), std::to_string(to_epoch_ms(report.at)));
    if (!dated) co_return std::unexpected(dated.error());
    auto begun = co_await revoke_all(tenant, report.already_revoked);
    if (!begun) co_return std::unexpected(begun.error());
    report.connections = *begun;
    auto left = co_await waiting(tenant);
    if (!left) co_return std::unexpected(left.error());
    report.waiting = *left;
    auto shredded = co_await offboardings.finish(tenant);
    if (!shredded) co_return std::unexpected(shredded.error());
    report.keys_shredded = *shredded;
    co_return report;
  }

  Task<Result<std::optional<Secret>>> open(const OutboxItem& item, std::string_view field, Sealed sealed) {
    if (sealed.empty()) co_return std::optional<Secret>{};
    const Place place{.tenant = item.tenant,
                      .registration = item.registration,
                      .realm = item.realm,
                      .connection = item.connection,
                      .field = field,
                      .generation = item.generation};
    auto opened = co_await parts.vault.open(place, std::move(sealed));
    if (!opened) co_return std::unexpected(opened.error());
    co_return std::optional<Secret>{std::move(*opened)};
  }

  // What the provider says; an error where it could not even be asked.
  Task<Result<RevocationVerdict>> tell_provider(const OutboxItem& item) {
    const Registration* registration = parts.registrations.find(item.registration);
    if (registration == nullptr) {
      co_return fail(Errc::not_found, "the registration '" + item.registration.str() + "' is not configured any more",
                     "put it back until its revocations are done");
    }
    auto refresh_token = co_await open(item, "refresh_token", item.tokens.refresh_token);
    if (!refresh_token && refresh_token.error().code != Errc::sealed_broken)
      co_return std::unexpected(refresh_token.error());
    auto access_token = co_await open(item, "access_token", item.tokens.access_token);
    if (!access_token && access_token.error().code != Errc::sealed_broken) co_return std::unexpected(access_token.error());
    const bool refresh_opened = refresh_token && *refresh_token;
    const bool access_opened = access_token && *access_token;
    if (!refresh_opened && !access_opened) {  // one that opens is enough to tell the provider with
      if (!refresh_token) co_return std::unexpected(refresh_token.error());
      if (!access_token) co_return std::unexpected(access_token.error());
    }
    auto resolved = co_await parts.directory.resolve(registration->provider);
    if (!resolved) co_return std::unexpected(resolved.error());
    auto connection = co_await parts.store.connection(item.connection);
    const HostValues hosts = connection ? connection->extras : HostValues{};
    auto url = fill_hosts(resolved->endpoints.revoke, registration->provider, hosts);
    if (!url) co_return std::unexpected(url.error());
    auto token_url = fill_hosts(resolved->endpoints.token, registration->provider, hosts);
    RevocationUrls urls{.revoke = std::move(*url), .token = std::move(token_url).value_or("")};
    co_return co_await endpoint.revoke(*registration, std::move(urls),
                                       refresh_opened ? std::move(*refresh_token) : std::nullopt,
                                       access_opened ? std::move(*access_token) : std::nullopt);
  }

  // False: the store did not take it, so the item is still due.
  Task<bool> settle(const OutboxItem& item, std::string outcome, std::string sentence, std::string correlation) {
    const auto type = item.kind == OutboxKind::revoke_grant ? "revoked" : "replaced_grant_revoked";
    parts.metrics
        .counter("evergrant_revocations_total", "Revocations by outcome",
                 {{"registration", item.registration.str()}, {"outcome", outcome}})
        .increment();
    auto done = co_await parts.store.outbox_done(
        item.id, outcome, event_of(item, parts.clock.now(), type, std::move(sentence), std::move(correlation)));
    if (!done) {
      parts.log.warning("revocation_not_recorded",
                        {{"connection", item.connection.str()}, {"reason", done.error().message}});
      co_return false;  // told twice rather than never: the item is still there
    }
    parts.log.info(type,
                   {{"connection", item.connection.str()}, {"registration", item.registration.str()}, {"outcome", outcome}});
    tokens.forget(item.connection);
    static_cast<void>(co_await offboardings.finish(item.tenant));  // where it cannot be, it is tried again
    co_return true;
  }

  // False as with `settle`.
  Task<bool> retry(const OutboxItem& item, std::optional<Duration> asked, std::string why) {
    const auto now = parts.clock.now();
    if (now - item.created_at > give_up_after) {
      parts.log.error("revocation_given_up", {{"connection", item.connection.str()}, {"reason", why}});
      co_return co_await settle(item, "given_up", "the provider never confirmed the revocation: " + why, {});
    }
    auto stored = co_await parts.store.outbox_retry(item.id, next_try(item, asked, now, parts.random), why);
    if (!stored) parts.log.warning("revocation_retry_not_stored", {{"reason", stored.error().message}});
    parts.log.warning("revocation_waits",
                      {{"connection", item.connection.str()}, {"tries", item.tries + 1}, {"reason", why}});
    co_return stored.has_value();
  }

  Task<bool> act_on(const OutboxItem& item, Result<RevocationVerdict> verdict) {
    if (!verdict && verdict.error().code == Errc::sealed_broken) {
      parts.log.error("revocation_unreadable", {{"connection", item.connection.str()}});
      co_return co_await settle(item, "unreadable", "the stored tokens cannot be opened, so the provider could not be told",
                                {});
    }
    if (!verdict && verdict.error().code == Errc::unsupported) {
      co_return co_await settle(item, "unsupported", sentence_of(RevocationOutcome::unsupported), {});
    }
    if (!verdict) co_return co_await retry(item, std::nullopt, verdict.error().message);
    switch (verdict->outcome) {
      case RevocationOutcome::try_again: co_return co_await retry(item, verdict->retry_after, verdict->detail);
      case RevocationOutcome::revoked:
        co_return co_await settle(item, "revoked", sentence_of(verdict->outcome), verdict->correlation);
      case RevocationOutcome::assumed:
        co_return co_await settle(item, "assumed", sentence_of(verdict->outcome), verdict->correlation);
      case RevocationOutcome::unsupported:
        co_return co_await settle(item, "unsupported", sentence_of(verdict->outcome), verdict->correlation);
    }
    co_return false;
  }

  Task<void> work_off(OutboxItem item) {
    auto verdict = co_await tell_provider(item);
    const bool recorded = co_await act_on(item, std::move(verdict));
    if (!recorded) co_await delay(first_outbox_retry);  // still due: a store that refuses must not make us ask again at once
    in_flight.erase(item.id);
    --per_registration[item.registration];
    wake();
  }

  // Starts what there is a place for; each task ends with its one provider call. How many.
  std::size_t start(std::vector<OutboxItem> due) {
    std::size_t started = 0;
    for (auto& item : due) {
      auto& of_registration = per_registration[item.registration];
      if (in_flight.size() >= most_in_flight || of_registration >= most_per_registration) continue;
      if (!in_flight.insert(item.id).second) continue;
      ++of_registration;
      ++started;
      spawn(parts.engine, work_off(std::move(item)));
    }
    return started;
  }

  // What is due and not in flight. Behind many items of one registration that hangs stand those of the others: the look
  // widens until it finds one of theirs, or the end.
  Task<void> start_due() {
    for (int rows = rows_at_once; in_flight.size() < most_in_flight; rows = std::min(rows * 4, longest_look)) {
      auto due = co_await parts.store.outbox_due(parts.clock.now(), rows);
      if (!due) {
        parts.log.warning("outbox_not_readable", {{"reason", due.error().message}});
        co_return;
      }
      const bool all = due->size() < static_cast<std::size_t>(rows) || rows == longest_look;
      const auto started = start(std::move(*due));
      if (all || started > 0) co_return;
      const Time now = parts.clock.now();
      if (rows == rows_at_once && now >= wide_look_at && now < wide_look_at + look_every)
        co_return;  // it reads much: not at each wake
      wide_look_at = now;
    }
  }

  Task<void> run() {
    while (!stopped) {
      look_again = false;
      co_await start_due();
      co_await offboardings.again(look_every);
      if (stopped) break;
      if (look_again) continue;
      idle.emplace();
      const Completion<bool> something = *idle;
      const auto timer = parts.engine.call_after(look_every, [something] { something.set(true); });
      co_await something;
      parts.engine.cancel(timer);
      idle.reset();
    }
  }
};

std::string offboarded_name(const TenantId& tenant) { return "offboarded:" + tenant.str(); }

Revoker::Revoker(TokenService::Parts parts, TokenService& tokens, Duration look_every)
    : impl_{std::make_unique<Impl>(parts, tokens, look_every, RevocationEndpoint{parts.transport, parts.clock, parts.random},
                                   OffboardingEnd{parts})} {}
Revoker::~Revoker() = default;

Task<Result<Connection>> Revoker::revoke(RevokeRequest request) {
  return run_on(impl_->parts.engine, impl_->revoke(std::move(request)));
}
Task<Result<OffboardReport>> Revoker::offboard(TenantId tenant) {
  return run_on(impl_->parts.engine, impl_->offboard(std::move(tenant)));
}
Task<void> Revoker::run() { return impl_->run(); }
void Revoker::stop() {
  impl_->stopped = true;
  impl_->wake();
}

}  // namespace evergrant
