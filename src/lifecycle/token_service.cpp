#include "lifecycle/token_service.hpp"

#include <algorithm>
#include <utility>

#include "base/encoding.hpp"
#include "lifecycle/registration_watch.hpp"
#include "lifecycle/token_reader.hpp"

namespace evergrant {

namespace {

constexpr Duration look_for_the_last = std::chrono::milliseconds{50};

}  // namespace

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order in which they need each other; there is one
struct TokenService::Impl {
  Impl(const Parts& p, const RefreshOptions& o)
      : parts{p},
        options{o},
        cache{o.cache_entries},
        sealing{p.vault, p.registrations, p.clock, p.random},
        report{p.metrics, p.log},
        refresher{p, o, sealing, cache, report},
        backlog{p.store, p.registrations, p.clock, p.random, p.log},
        due_loop{p.engine, p.store, p.clock, p.log, report, refresher, flights, backlog, p.registrations, o},
        watch{p.log, refresher, o.recheck > Duration{0} ? o.follow_every : Duration{0}},
        reader{p, o, cache, report, flights, due_loop} {}

  Task<bool> schedule() {
    const Completion<bool> watched;
    spawn(parts.engine, [](RegistrationWatch& watching, Completion<bool> over) -> Task<void> {
      co_await watching.run();  // ends with `stop`
      over.set(true);
    }(watch, watched));
    co_await due_loop.run();
    co_await watched;
    co_return true;
  }

  Task<bool> finish() {
    due_loop.stop();
    watch.stop();
    const Duration limit = options.stop_wait.value_or(options.timeout + options.lease);
    for (Duration waited{0}; flights.size() > 0 && waited < limit; waited += look_for_the_last) {
      co_await delay(look_for_the_last);  // not by the clock, which may be an application's own and stand still
    }
    if (flights.size() > 0) {
      parts.log.warning(
          "stopped_with_refreshes_under_way",
          {{"refreshes", flights.size()}, {"effect", "the next start resolves them as their rotation allows"}});
    }
    co_await reader.flush_used();
    co_return flights.size() == 0;
  }

  Parts parts;
  RefreshOptions options;
  TokenCache cache;
  TokenSealing sealing;
  RefreshReport report;
  Refresher refresher;
  SingleFlight flights;
  BacklogSpread backlog;
  DueLoop due_loop;
  RegistrationWatch watch;
  TokenReader reader;
};

TokenService::TokenService(const Parts& parts, const RefreshOptions& options)
    : impl_{std::make_unique<Impl>(parts, options)} {}
TokenService::~TokenService() = default;

std::optional<TokenLease> TokenService::read_now(const ConnectionId& id, const ReadRequest& request) {
  return impl_->reader.read_now(id, request);
}

TakenNow TokenService::read_now(std::string_view id, const ReadRequest& request, Time now, TokenTaker& taker) {
  return impl_->reader.read_now(id, request, now, taker);
}

std::optional<TokenLease> TokenService::read_now_of(const RegistrationId& registration, const RealmId& realm,
                                                    const ReadRequest& request) {
  const auto id = impl_->cache.find_realm(registration, realm);
  if (!id) return std::nullopt;
  auto lease = impl_->reader.read_now(*id, request);
  if (lease && (lease->registration != registration || lease->realm != realm)) return std::nullopt;
  return lease;
}

std::optional<TokenLease> TokenService::read_now_pair(const ConnectionId& main, const std::string& pair,
                                                      const ReadRequest& request) {
  const CachedTokenPtr entry = impl_->cache.find(main);
  if (!entry) return std::nullopt;
  const auto id = impl_->cache.find_realm(entry->connection.registration, entry->connection.realm, pair);
  if (!id) return std::nullopt;
  auto lease = impl_->reader.read_now(*id, request);
  if (lease && (lease->connection != main || lease->pair != pair)) return std::nullopt;
  return lease;
}

Task<Result<ConnectionId>> TokenService::row_of(ConnectionId main, std::string pair) {
  if (pair.empty()) co_return main;
  auto pairs = co_await impl_->parts.store.pairs_of(main);
  if (!pairs) co_return std::unexpected(pairs.error());
  const auto chosen = std::ranges::find(*pairs, pair, &Connection::pair);
  if (chosen != pairs->end()) co_return chosen->id;
  co_return fail(Errc::not_found, "connection " + main.str() + " has no token pair '" + printable(pair, 40) + "'",
                 "leave the pair out, or name one that the provider's profile has (token.pair)");
}

Task<Result<TokenLease>> TokenService::token(ConnectionId id, ReadRequest request) {
  if (auto lease = read_now(id, request)) co_return std::move(*lease);
  auto lease = co_await run_on(impl_->parts.engine, impl_->reader.read(std::move(id), request));
  co_return lease;
}

Task<Result<TokenLease>> TokenService::token_of(RegistrationId registration, RealmId realm, ReadRequest request) {
  if (auto lease = read_now_of(registration, realm, request)) co_return std::move(*lease);
  auto row = co_await impl_->parts.store.connection_of(std::move(registration), std::move(realm));
  if (!row) co_return std::unexpected(row.error());
  auto lease = co_await token(row->id, request);
  co_return lease;
}

Task<Result<TokenLease>> TokenService::refresh(ConnectionId id, std::optional<Generation> seen,
                                               std::optional<Duration> deadline) {
  auto lease = co_await run_on(impl_->parts.engine, impl_->reader.force(std::move(id), seen, deadline));
  co_return lease;
}

Task<Result<>> TokenService::resume(RegistrationId registration) {
  return run_on(impl_->parts.engine, impl_->refresher.resume(std::move(registration)));
}

Task<Result<>> TokenService::release_hold(RegistrationId registration) {
  return run_on(impl_->parts.engine, impl_->refresher.release_hold(std::move(registration)));
}

void TokenService::forget(const ConnectionId& id) { impl_->cache.forget(id); }

Task<Result<TokenUpdate>> TokenService::seal_tokens(const Connection& connection, Generation generation, TokenSet tokens) {
  auto update = co_await impl_->sealing.seal_grant(connection, generation, std::move(tokens));
  if (update && update->next_due_at) impl_->reader.expect_due(*update->next_due_at);
  co_return update;
}

Task<void> TokenService::run() { co_await run_on(impl_->parts.engine, impl_->schedule()); }

Task<void> TokenService::stop() { co_await run_on(impl_->parts.engine, impl_->finish()); }

std::size_t TokenService::in_flight() const { return impl_->flights.size(); }

}  // namespace evergrant
