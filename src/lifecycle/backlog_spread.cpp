#include "lifecycle/backlog_spread.hpp"

#include <algorithm>
#include <utility>

#include "lifecycle/refresh_policy.hpp"

namespace evergrant {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t few = 100;  // that many at once are no burden to anybody
constexpr int batch = 1000;
constexpr int most_that_stay = 10'000;  // with more, all is in trouble, and failures have waits of their own
constexpr Duration hardly = 1min;

bool was_ahead_of_expiry(const Connection& row) {
  return row.access_expires_at && row.next_due_at && *row.next_due_at <= *row.access_expires_at;
}

Duration keepalive_width(const Connection& row, const RefreshProfile& refresh, Time now) {
  if (!row.refresh_idle_expires_at) return refresh.keepalive_every.value_or(0ms) / 5;
  const Time since = row.last_refreshed_at.value_or(row.created_at);
  return std::min((*row.refresh_idle_expires_at - since) / 5, (*row.refresh_idle_expires_at - now) / 4);
}

Duration width_of(const Connection& row, const Registration& registration, Time now) {
  const RefreshProfile& refresh = registration.provider.refresh;
  if (!was_ahead_of_expiry(row)) return keepalive_width(row, refresh, now);
  const Duration life = lifetime_of(row).value_or(0ms);
  if (*row.access_expires_at > now) return *row.access_expires_at - margins_of(registration.provider, life).advisory - now;
  const Duration width = life * 3 / 5;
  return row.refresh_idle_expires_at ? std::min(width, (*row.refresh_idle_expires_at - now) / 4) : width;
}

}  // namespace

std::optional<Time> draw_overdue(const Connection& connection, const Registration& registration, Time now, Random& random) {
  if (!connection.next_due_at || now - *connection.next_due_at <= hardly) return std::nullopt;
  if (connection.failure.kind != FailureClass::none) return std::nullopt;
  const Duration width = width_of(connection, registration, now);
  if (width <= 0ms) return std::nullopt;
  return now + draw_between(0ms, width, random);
}

std::vector<Store::Move> BacklogSpread::moves_of(const std::vector<Connection>& rows, Time now) {
  std::vector<Store::Move> moves;
  for (const Connection& row : rows) {
    const Registration* registration = registrations_.find(row.registration);
    if (registration == nullptr) continue;
    if (const auto to = draw_overdue(row, *registration, now, random_)) moves.push_back({row.id, *row.next_due_at, *to});
  }
  return moves;
}

Task<Result<>> BacklogSpread::spread(const bool& stopping) {
  std::size_t moved = 0;
  for (const Registration& registration : registrations_.all()) {
    const auto done = co_await spread_of(registration.id, stopping);
    if (!done) co_return std::unexpected(done.error());
    moved += *done;
  }
  if (moved > 0) log_.info("backlog_spread", {{"connections", moved}});
  co_return Result<>{};
}

Task<Result<std::size_t>> BacklogSpread::spread_of(RegistrationId registration, const bool& stopping) {
  const Time now = clock_.now();
  std::size_t moved = 0;
  int limit = batch;
  for (bool last = false; !last && !stopping;) {  // what is moved is no longer among those that are due
    const auto rows = co_await store_.due(registration, now - hardly, limit);
    if (!rows) co_return std::unexpected(rows.error());
    if (moved == 0 && rows->size() <= few) break;
    std::vector<Store::Move> moves = moves_of(*rows, now);
    last = std::cmp_less(rows->size(), limit) || limit > most_that_stay;
    moved += moves.size();
    limit = batch + static_cast<int>(rows->size() - moves.size());  // those that stay are listed again
    if (!moves.empty()) {
      const auto done = co_await store_.move_due(std::move(moves), now);
      if (!done) co_return std::unexpected(done.error());
    }
  }
  co_return moved;
}

}  // namespace evergrant
