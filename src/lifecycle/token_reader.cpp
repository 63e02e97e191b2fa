#include "lifecycle/token_reader.hpp"

#include <algorithm>
#include <utility>

#include "base/byte_blocks.hpp"

namespace evergrant {

using namespace std::chrono_literals;

namespace {

constexpr Duration note_use_every = 60s;  // of one connection: what is decided by it counts in hours
constexpr Duration flush_after = 5s;
constexpr Duration ask_engine_every = 5s;   // about one connection, while nothing comes of it
constexpr std::size_t usual_caption = 320;  // bytes
constexpr std::size_t forced_remembered = 10'000;

bool is_valid(const Connection& row, Time now) { return !row.access_expires_at || *row.access_expires_at > now; }

// Outcomes after which the old token must not be served, however valid it is by the clock.
bool ends_use(Errc code) {
  return code == Errc::revoked || code == Errc::reauth_required || code == Errc::quarantined || code == Errc::not_found;
}

TokenLease lease_of(const Connection& row, Secret access_token, TokenMark mark = {}) {
  return {public_id(row),        row.registration, row.tenant, row.realm, std::move(access_token), row.token_type, row.scope,
          row.access_expires_at, row.generation,   row.pair,   mark};
}

class LeaseTaker final : public TokenTaker {
 public:
  std::span<char> room(const Connection& row, const OnceText& /*caption*/, std::size_t size) override {
    Secret token = Secret::of_size(size);
    const auto bytes = token.bytes();
    lease_.emplace(lease_of(row, std::move(token)));
    return {reinterpret_cast<char*>(bytes.data()), bytes.size()};  // NOLINT: bytes as text
  }
  void opened(const Connection& /*row*/, const TokenMark& mark) override { lease_->mark = mark; }
  std::optional<TokenLease> lease() { return std::move(lease_); }

 private:
  std::optional<TokenLease> lease_;
};

bool used_lately(const CachedToken& entry, Time now) {
  return to_epoch_ms(now) - entry.used_at.load(std::memory_order_relaxed) < note_use_every.count();
}

Error forced_too_often(const ConnectionId& id, Time last) {
  return {Errc::rate_limited, "A refresh of connection " + id.str() + " was forced at " + to_rfc3339(last) + " already.",
          "A 401 that a fresh token does not end has another cause than its expiry. refresh.forced_interval is the limit."};
}

Error took_too_long(const ConnectionId& id) {
  return {Errc::deadline_exceeded, "The refresh of connection " + id.str() + " took longer than the caller would wait.",
          "It goes on; ask again."};
}

}  // namespace

TokenReader::TokenReader(const TokenService::Parts& parts, RefreshOptions options, TokenCache& cache, RefreshReport& report,
                         SingleFlight& flights, DueLoop& due_loop)
    : engine_{parts.engine},
      store_{parts.store},
      vault_{parts.vault},
      registrations_{parts.registrations},
      clock_{parts.clock},
      log_{parts.log},
      options_{std::move(options)},
      cache_{cache},
      report_{report},
      flights_{flights},
      due_loop_{due_loop},
      stale_rows_{engine_, options_.recheck / 4, [this](const ConnectionId& id) { spawn(engine_, reload(id)); }},
      self_{std::make_shared<TokenReader*>(this)} {}

TokenReader::~TokenReader() { *self_ = nullptr; }

void TokenReader::post(std::move_only_function<void(TokenReader&)> work) {
  engine_.post([self = self_, work = std::move(work)]() mutable {
    if (*self != nullptr) work(**self);
  });
}

std::optional<TokenLease> TokenReader::read_now(const ConnectionId& id, const ReadRequest& request) {
  LeaseTaker taker;
  if (read_now(id.str(), request, clock_.now(), taker) != TakenNow::taken) return std::nullopt;
  return taker.lease();
}

TakenNow TokenReader::read_now(std::string_view id, const ReadRequest& request, Time now, TokenTaker& taker) {
  Taking taking;
  CachedTokenPtr entry;  // only where something is to be done about it: readers of one entry share nothing else
  cache_.visit(id, [&](const CachedTokenPtr& found) {
    taking = take(*found, request, now, taker);
    if (taking.refresh || taking.recheck || taking.used) entry = found;
  });
  if (taking.refresh) refresh_behind(*entry, now);
  if (taking.recheck) recheck_behind(*entry, now);
  if (taking.used) note_use(*entry, now);
  if (taking.taken == TakenNow::taken) report_.read(RefreshReport::Read::memory);
  return taking.taken;
}

TokenReader::Taking TokenReader::take(const CachedToken& entry, const ReadRequest& request, Time now,
                                      TokenTaker& taker) const {
  if (!taker.admit()) return {.taken = TakenNow::refused};
  TokenCache::note_read(entry);
  entry.caption.prefetch(usual_caption);
  entry.opening.prefetch();
  const Connection& row = entry.connection;
  const Duration age = now - entry.loaded_at;
  if (options_.recheck > 0ms && age > options_.recheck * 4) return {};
  const bool at_once = request.min_ttl <= 0ms && now < entry.served_until;
  const ReadAction action =
      at_once ? ReadAction::serve : decide_read(row, entry.registration.provider, entry.lifetime, request.min_ttl, now);
  if (action == ReadAction::refresh_or_serve || action == ReadAction::refresh_or_fail) return {};
  const std::size_t size = entry.opening.sealed.plain_size();
  if (size == 0) return {};
  const std::span<char> room = taker.room(row, entry.caption, size);
  if (room.size() < size) return {.taken = TakenNow::refused};
  const auto opened = vault_.open_into_now(entry.opening, room);
  if (!opened || !*opened) return {};
  taker.opened(row, mark_of(entry, {room.data(), size}));
  const bool quiet = to_epoch_ms(now) < entry.quiet_until.load(std::memory_order_relaxed);
  return {.taken = TakenNow::taken,
          .refresh = action == ReadAction::serve_and_refresh && !quiet,
          .recheck = options_.recheck > 0ms && age > options_.recheck &&
                     to_epoch_ms(now) >= entry.recheck_quiet_until.load(std::memory_order_relaxed),
          .used = !used_lately(entry, now)};
}

// Looked at once for each entry: a keyed hash of a whole token costs as much as opening it.
TokenMark TokenReader::mark_of(const CachedToken& entry, std::string_view token) const {
  const std::uint64_t known = entry.mark.load(std::memory_order_relaxed);
  if (known != 0) return TokenMark{known};
  const TokenMark mark{vault_.fingerprint(token), stands_in_json(token)};
  if (mark.is_there()) entry.mark.store(mark.packed(), std::memory_order_relaxed);
  return mark;
}

// One of the readers of an entry asks the engine; the others find `quiet_until` ahead.
void TokenReader::refresh_behind(const CachedToken& entry, Time now) {
  std::int64_t quiet = entry.quiet_until.load(std::memory_order_relaxed);
  if (to_epoch_ms(now) < quiet) return;
  if (!entry.quiet_until.compare_exchange_strong(quiet, to_epoch_ms(now + ask_engine_every))) return;
  post([key = flight_key(entry.connection),
        wish = RefreshWish{entry.connection.id, entry.connection.generation, Cause::behind}](TokenReader& self) {
    if (!self.due_loop_.stopping()) self.due_loop_.begin(key, wish);
  });
}

// The same for a row that is to be read again. A new entry takes this one's place; where none comes, for whatever reason,
// the readers ask again in a moment.
void TokenReader::recheck_behind(const CachedToken& entry, Time now) {
  std::int64_t quiet = entry.recheck_quiet_until.load(std::memory_order_relaxed);
  if (to_epoch_ms(now) < quiet) return;
  if (!entry.recheck_quiet_until.compare_exchange_strong(quiet, to_epoch_ms(now + ask_engine_every))) return;
  stale_rows_.note(entry.connection.id);
}

Task<void> TokenReader::reload(ConnectionId id) {
  const auto entry = co_await current(id, true);
  if (entry) co_return;
  log_.debug("row_not_read_again", {{"connection", id.str()}, {"code", to_string(entry.error().code)}});
}

void TokenReader::note_use(const CachedToken& entry, Time now) {
  if (used_lately(entry, now)) return;
  entry.used_at.store(to_epoch_ms(now), std::memory_order_relaxed);
  cache_.mark_used(entry.connection.id, now);
  if (flush_planned_.exchange(true)) return;
  engine_.call_after(flush_after, [self = self_] {
    if (*self != nullptr) spawn((*self)->engine_, (*self)->flush_used());  // ends with one write
  });
}

Task<void> TokenReader::flush_used() {
  flush_planned_.store(false);
  auto used = cache_.take_used();
  if (used.empty()) co_return;
  const auto touched = co_await store_.touch(used);
  if (touched) co_return;
  log_.warning("use_not_stored", {{"connections", used.size()}, {"code", to_string(touched.error().code)}});
  for (const auto& [id, at] : used) cache_.mark_used(id, at);  // with the next flush
}

void TokenReader::expect_due(Time due) {
  post([due](TokenReader& self) { self.due_loop_.wake_by(due); });
}

Task<Result<CachedTokenPtr>> TokenReader::current(ConnectionId id, bool from_store) {
  CachedTokenPtr cached = cache_.find(id);
  const bool fresh = cached && (options_.recheck == 0ms || clock_.now() - cached->loaded_at <= options_.recheck);
  if (fresh && !from_store) co_return cached;
  const auto ticket = cache_.ticket(id);
  const Time asked_at = clock_.now();  // so old is what is read, however long this process is stopped meanwhile
  auto row = co_await store_.connection(id);
  if (!row) {
    if (row.error().code == Errc::not_found) cache_.forget(id);
    // A store that is away does not take a valid token with it: the last that was read stands.
    if (row.error().code == Errc::store_unavailable && cached) co_return cached;
    co_return std::unexpected(row.error());
  }
  const Registration* registration = registrations_.find(row->registration);
  if (registration == nullptr) {
    co_return fail(Errc::not_found, "registration " + row->registration.str() + " is not in the configuration",
                   "Add it again; the connection's tokens are kept.");
  }
  if (row->status != Status::active) cache_.forget(id);
  CachedTokenPtr entry = std::make_shared<CachedToken>(std::move(*row), *registration, asked_at);
  cache_.put(entry, ticket);
  co_return entry;
}

Task<Result<TokenLease>> TokenReader::open(CachedTokenPtr entry) {
  if (entry->connection.tokens.access_token.empty()) {
    co_return fail(Errc::internal, "connection " + entry->connection.id.str() + " has no access token");
  }
  const auto opened_of = [this](const CachedToken& token) {
    const Connection& row = token.connection;
    return vault_.open(place_of(row, "access_token", row.generation), row.tokens.access_token);
  };
  auto token = co_await opened_of(*entry);
  if (!token) {  // sealed anew under another key since it was read
    const auto again = co_await current(entry->connection.id, true);
    if (!again) co_return std::unexpected(again.error());
    if (auto refused = refusal_of((*again)->connection)) co_return std::unexpected(std::move(*refused));
    entry = *again;
    token = co_await opened_of(*entry);
  }
  if (!token) co_return std::unexpected(token.error());
  const TokenMark mark = mark_of(*entry, token->reveal());
  co_return lease_of(entry->connection, std::move(*token), mark);
}

Task<Result<TokenLease>> TokenReader::read(ConnectionId id, ReadRequest request) {
  auto lease = co_await read_waiting(std::move(id), request);
  if (!lease) report_.read(RefreshReport::Read::failed);
  co_return lease;
}

Task<Result<TokenLease>> TokenReader::read_waiting(ConnectionId id, ReadRequest request) {
  Wait wait{.until = clock_.now() + request.deadline.value_or(options_.reader_wait),
            .patient = request.deadline.has_value() || request.min_ttl > 0ms};
  RefreshReport::Read how = RefreshReport::Read::store;
  for (;;) {  // ends at the reader's deadline at the latest
    const CachedTokenPtr cached = cache_.find(id);
    const bool outdated = wait.refreshed && cached && cached->connection.generation <= wait.beyond;
    const auto entry = co_await current(id, outdated);
    if (!entry) co_return std::unexpected(entry.error());
    const CachedToken& token = **entry;
    if (auto refused = refusal_of(token.connection)) co_return std::unexpected(std::move(*refused));
    const Time now = clock_.now();
    note_use(token, now);
    const ReadAction action =
        decide_read(token.connection, token.registration.provider, token.lifetime, request.min_ttl, now);
    if (action == ReadAction::serve_and_refresh) refresh_behind(token, now);
    Next next = Next::serve;
    if (action == ReadAction::refresh_or_serve || action == ReadAction::refresh_or_fail) {
      how = RefreshReport::Read::waited;
      next = co_await wait_for_newer(*entry, is_valid(token.connection, now), wait);
    }
    if (next == Next::fail) co_return std::unexpected(wait.failed.value_or(took_too_long(id)));
    if (next == Next::again) continue;
    report_.read(how);
    auto lease = co_await open(*entry);
    co_return lease;
  }
}

// The entry is too old, or about to be. What is still valid is served rather than waited for too long, and never refused.
Task<TokenReader::Next> TokenReader::wait_for_newer(CachedTokenPtr entry, bool valid, Wait& wait) {
  const Time now = clock_.now();
  const Connection& row = entry->connection;
  if (valid && (wait.refreshed || wait.failed)) co_return Next::serve;
  if (wait.refreshed || now >= wait.until) co_return Next::fail;
  const auto gate = not_before(row);
  if (gate && *gate > now) {
    if (valid) co_return Next::serve;
    if (*gate >= wait.until) {
      if (!wait.failed) wait.failed = backing_off(row, *gate);
      co_return Next::fail;
    }
    co_await delay(*gate - now);
    wait.failed.reset();
    co_return Next::again;
  }
  if (wait.failed) co_return Next::fail;
  Duration limit = wait.until - now;
  const std::string key = flight_key(row);
  if (valid && row.access_expires_at) {
    const bool patient = wait.patient || entry->registration.provider.refresh.invalidates_old_access_token;
    limit = std::min(limit, wait_while_valid(*row.access_expires_at - now, flights_.age(key, now), patient));
  }
  const bool own = !flights_.running(key);
  const auto outcome = co_await join(*entry, Cause::reader, limit);
  if (!outcome) co_return valid ? Next::serve : Next::fail;
  if (*outcome) {
    wait.refreshed = true;
    wait.beyond = row.generation;
    co_return Next::again;
  }
  const bool turned_away = outcome->error().code == Errc::busy;  // maybe by the scheduler's pass, and by its next one again
  if (!own && (!wait.retried || turned_away) && !ends_use(outcome->error().code)) {
    wait.retried = true;  // somebody less urgent was turned away; this one may not be
    co_return Next::again;
  }
  wait.failed = outcome->error();
  if (ends_use(outcome->error().code)) co_return Next::fail;
  co_return Next::again;
}

// Nothing: the limit passed first; the refresh goes on.
Task<std::optional<Result<>>> TokenReader::join(const CachedToken& entry, Cause cause, Duration limit) {
  const std::string key = flight_key(entry.connection);
  if (!flights_.running(key)) {
    if (due_loop_.stopping())
      co_return Result<>{fail(Errc::provider_unavailable, "This server is stopping.", "Ask another.")};
    due_loop_.begin(key, {entry.connection.id, entry.connection.generation, cause});
  }
  auto outcome = co_await wait_for(flights_.join(key), std::max<Duration>(limit, 0ms));
  co_return outcome;
}

std::optional<TokenReader::Forced> TokenReader::note_forced(const Connection& row, const Registration& registration,
                                                            Time now) {
  const Duration interval = std::max(options_.forced_interval, registration.provider.refresh.min_interval);
  const auto last = forced_.find(row.id);
  if (last != forced_.end() && now - last->second.at < interval) return last->second;
  if (forced_.size() >= forced_remembered) {
    std::erase_if(forced_, [&](const auto& one) { return now - one.second.at >= interval; });
  }
  forced_[row.id] = {.at = now, .about = row.generation};
  return std::nullopt;
}

// REF-19, REF-24: the same lock and limits for everybody. Who reports an old generation is given the newer one.
Task<Result<TokenLease>> TokenReader::force(ConnectionId id, std::optional<Generation> seen,
                                            std::optional<Duration> deadline) {
  const ReadRequest request{.deadline = deadline};
  const auto before = co_await current(id, true);
  if (!before) co_return std::unexpected(before.error());
  const CachedToken& token = **before;
  if (auto refused = refusal_of(token.connection)) co_return std::unexpected(std::move(*refused));
  const Time now = clock_.now();
  const auto& earliest = token.registration.provider.refresh.earliest_before_expiry;
  const bool too_early =
      earliest && token.connection.access_expires_at && *token.connection.access_expires_at - now > *earliest;
  const bool superseded = seen && token.connection.generation > *seen;
  // One that is under way answers this report too: the token that it replaces is the one reported.
  const bool under_way = flights_.running(flight_key(token.connection));
  std::optional<Forced> earlier;
  if (!superseded && !too_early && !under_way) earlier = note_forced(token.connection, token.registration, now);
  bool answered = false;
  if (earlier) {  // that one has ended, maybe after this row was read
    const auto again = co_await current(id, true);
    if (!again) co_return std::unexpected(again.error());
    answered = (*again)->connection.generation > seen.value_or(earlier->about);
    if (!answered) co_return std::unexpected(forced_too_often(id, earlier->at));
  }
  if (superseded || too_early || answered) {
    auto lease = co_await read(std::move(id), request);
    co_return lease;
  }
  note_use(token, now);
  const Time until = now + deadline.value_or(options_.reader_wait);
  // Somebody less urgent may meet the lease of another process, maybe of one that is dead, and the scheduler so again and
  // again; who reports a token waits for its end. Ends with a refresh of its own, or at the deadline.
  std::optional<Result<>> outcome;
  for (bool turned_away = true; turned_away;) {
    const bool own = !flights_.running(flight_key(token.connection));
    outcome = co_await join(token, Cause::forced, until - clock_.now());
    turned_away = !own && outcome && !*outcome && outcome->error().code == Errc::busy && clock_.now() < until;
  }
  if (!outcome) co_return std::unexpected(took_too_long(id));
  // Nothing was sent where the store refused: the next report is as good as the first.
  if (!*outcome && outcome->error().code == Errc::store_unavailable) forced_.erase(id);
  if (!*outcome) co_return std::unexpected(outcome->error());
  auto lease = co_await read(std::move(id), request);
  co_return lease;
}

}  // namespace evergrant
