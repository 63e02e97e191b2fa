#include "lifecycle/reauth_announcer.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "lifecycle/reauth_notices.hpp"

namespace evergrant {

namespace {

constexpr int page_size = 200;  // short reads, so that nobody waits behind them

}  // namespace

ReauthAnnouncer::ReauthAnnouncer(Store& store, const Registrations& registrations, Clock& clock, Metrics& metrics,
                                 const Log& log, Duration every)
    : store_{store}, registrations_{registrations}, clock_{clock}, metrics_{metrics}, log_{log}, periodic_{every} {
  for (const Registration& registration : registrations.all()) {
    for (const Duration lead : registration.notices) within_ = std::max(within_, lead);
  }
}

Task<Result<int>> ReauthAnnouncer::look() {
  const auto idle = co_await look_at(GrantEnd::idle);
  if (!idle) co_return idle;
  const auto absolute = co_await look_at(GrantEnd::absolute);
  if (!absolute) co_return absolute;
  co_return *idle + *absolute;
}

Task<Result<int>> ReauthAnnouncer::look_at(GrantEnd end) {
  int given = 0;
  std::string cursor;
  do {
    auto page = co_await store_.ending(end, clock_.now(), within_, cursor, page_size);
    if (!page) co_return std::unexpected(page.error());
    for (EndingGrant& grant : page->items) {
      const auto announced = co_await announce(std::move(grant));
      if (!announced) co_return std::unexpected(announced.error());
      if (*announced) ++given;
    }
    cursor = std::move(page->next);
  } while (!cursor.empty() && !periodic_.stopped());
  co_return given;
}

Task<Result<bool>> ReauthAnnouncer::announce(EndingGrant grant) {
  const Registration* registration = registrations_.find(grant.registration);
  if (registration == nullptr) co_return false;
  const Time now = clock_.now();
  const auto lead = due_notice(grant, registration->notices, now);
  if (!lead) co_return false;
  ReauthNotice notice{.connection = grant.connection, .end = grant.end, .ends_at = grant.ends_at, .lead = *lead, .at = now};
  Event event = reauth_due_event(grant, now);
  const std::string code = event.code;
  const auto recorded = co_await store_.give_notice(std::move(notice), std::move(grant.given), std::move(event));
  if (!recorded && recorded.error().code == Errc::stale) co_return false;  // another process was first
  if (!recorded) co_return std::unexpected(recorded.error());
  metrics_
      .counter("evergrant_reauth_notices_total", "Announced ends of refresh tokens.",
               {{"registration", registration->id.str()}, {"end", code}})
      .increment();
  log_.info("reauth_due", {{"connection", grant.connection.str()},
                           {"registration", registration->id.str()},
                           {"end", code},
                           {"ends_at", to_rfc3339(grant.ends_at)}});
  co_return true;
}

Task<void> ReauthAnnouncer::run() {
  co_await periodic_.run([this] { return look_once(); });
}

Task<void> ReauthAnnouncer::look_once() {
  const auto looked = co_await look();
  if (!looked) log_.warning("ends_not_read", {{"reason", looked.error().message}});
}

}  // namespace evergrant
