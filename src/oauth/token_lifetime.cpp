#include "oauth/token_lifetime.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "oauth/json_member.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr double ms_per_year = 365.25 * 24 * 3600 * 1000;
constexpr double max_access_ms = 10 * ms_per_year;
constexpr double max_refresh_ms = 100 * ms_per_year;  // Wise gives 20 years
// Seconds reach this in the year 5138, milliseconds did in 1973.
constexpr double least_epoch_ms = 1e11;

Time after(Time start, double ms, double limit) {
  return start + Duration{static_cast<std::int64_t>(std::clamp(ms, 0.0, limit))};
}

std::optional<double> number_at(const json::value& body, const std::string& path) {
  const auto* value = path.empty() ? nullptr : member_at(body, path);
  return value == nullptr ? std::nullopt : number_of(*value);
}

// Milliseconds since the epoch, of an instant written as epoch seconds, epoch milliseconds or RFC 3339.
std::optional<double> instant_at(const json::value& body, const std::string& path) {
  if (const auto number = number_at(body, path)) return *number >= least_epoch_ms ? *number : *number * 1000;
  const auto text = string_at(body, path);
  const auto time = text ? from_rfc3339(*text) : std::nullopt;
  if (!time) return std::nullopt;
  return static_cast<double>(to_epoch_ms(*time));
}

std::optional<Time> when_zero(const ExpiryProfile& profile, Time sent_at) {
  switch (profile.zero_means) {
    case ZeroExpiry::never: return std::nullopt;
    case ZeroExpiry::expired: return sent_at;
  }
  return sent_at;
}

std::optional<Time> after_if_positive(const json::value& body, const std::string& path, const ExpiryProfile& profile,
                                      Time sent_at) {
  const auto amount = number_at(body, path);
  if (!amount || *amount <= 0) return std::nullopt;
  return after(sent_at, *amount * static_cast<double>(profile.unit_ms), max_refresh_ms);
}

}  // namespace

std::optional<Time> access_expiry(const json::value& body, const Provider& provider, Time sent_at) {
  const ExpiryProfile& profile = provider.expiry;
  if (const auto amount = number_at(body, provider.token.expires_in_member)) {
    if (*amount == 0) return when_zero(profile, sent_at);
    return after(sent_at, *amount * static_cast<double>(profile.unit_ms), max_access_ms);
  }
  for (const auto& member : profile.absolute_members) {
    const auto instant = instant_at(body, member);
    if (!instant) continue;
    if (*instant == 0) return when_zero(profile, sent_at);
    return after(sent_at, *instant - static_cast<double>(to_epoch_ms(sent_at)), max_access_ms);
  }
  if (profile.default_lifetime) return sent_at + *profile.default_lifetime;
  return std::nullopt;
}

std::optional<Time> refresh_idle_expiry(const json::value& body, const Provider& provider, Time sent_at) {
  if (const auto end = after_if_positive(body, provider.expiry.refresh_soft_member, provider.expiry, sent_at)) return end;
  if (const auto instant = instant_at(body, provider.expiry.refresh_instant_member)) {
    const double ms = *instant - static_cast<double>(to_epoch_ms(sent_at));
    if (ms > 0) return after(sent_at, ms, max_refresh_ms);
  }
  if (provider.refresh.mode == RefreshMode::access_token_exchange) return access_expiry(body, provider, sent_at);
  if (provider.refresh.idle_window) return sent_at + *provider.refresh.idle_window;
  return std::nullopt;
}

std::optional<Time> refresh_absolute_expiry(const json::value& body, const Provider& provider, Time sent_at) {
  return after_if_positive(body, provider.expiry.refresh_hard_member, provider.expiry, sent_at);
}

}  // namespace evergrant
