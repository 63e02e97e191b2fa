#include "lifecycle/reauth_notices.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <string_view>
#include <utility>

namespace evergrant {

using namespace std::chrono_literals;

namespace {

constexpr Duration same_end = 30min;

// Whether what was said is about the end as it is now.
bool is_same_end(const ReauthNotice& given, Time ends_at) {
  return ends_at <= given.ends_at + std::max(same_end, given.lead / 2);
}

// The longest lead that says something.
Duration longest_lead(const EndingGrant& grant) { return (grant.ends_at - grant.since) / 2; }

std::string counted(std::int64_t count, std::string_view unit) {
  return std::to_string(count) + ' ' + std::string{unit} + (count == 1 ? "" : "s");
}

std::string quoted(const std::string& text) { return boost::json::serialize(boost::json::string(text)); }

std::string how_to_reconnect(const EndingGrant& grant) {
  return R"(To connect again: POST /v1/connect-sessions {"registration":)" + quoted(grant.registration.str()) +
         R"(,"tenant":)" + quoted(grant.tenant.str()) + R"(,"connection":)" +
         quoted(grant.main.empty() ? grant.connection.str() : grant.main.str()) +
         "} and send the customer to the url in its answer.";
}

std::string what_ends(const EndingGrant& grant, Time now) {
  const std::string end = to_rfc3339(grant.ends_at);
  const bool idle = grant.end == GrantEnd::idle;
  if (grant.ends_at <= now) {
    return "By the provider's own word the refresh token ended at " + end + ", " + in_words(now - grant.ends_at) + " ago (" +
           (idle ? "it was not used for too long" : "its absolute end") +
           "). The provider has not refused it yet, so it is kept and still tried. ";
  }
  return "The refresh token ends at " + end + ", in " + in_words(grant.ends_at - now) +
         (idle ? ", unless it is used before (idle end). " : ", whatever is done with it (absolute end). ");
}

}  // namespace

std::string in_words(Duration length) {
  static constexpr std::array<std::pair<Duration, std::string_view>, 3> units{
      {{24h, "day"}, {1h, "hour"}, {1min, "minute"}}};
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto& [unit, name] = units.at(i);
    if (length < unit) continue;
    std::string text = counted(length / unit, name);
    if (i + 1 == units.size()) return text;
    const auto& [smaller, smaller_name] = units.at(i + 1);
    const auto rest = length % unit / smaller;
    return rest == 0 ? text : text + " and " + counted(rest, smaller_name);
  }
  return "less than a minute";
}

std::optional<Duration> due_notice(const EndingGrant& grant, const std::vector<Duration>& leads, Time now) {
  const Duration left = grant.ends_at - now;
  std::optional<Duration> due;
  if (left <= 0ms) {
    due = 0ms;
  } else {
    for (const Duration lead : leads) {
      if (left <= lead && lead <= longest_lead(grant) && (!due || lead < *due)) due = lead;
    }
  }
  const bool given = due && grant.given && is_same_end(*grant.given, grant.ends_at) && grant.given->lead <= *due;
  return given ? std::nullopt : due;
}

Event reauth_due_event(const EndingGrant& grant, Time now) {
  Event event;
  event.at = now;
  event.type = "reauth_due";
  event.connection = grant.connection;
  event.registration = grant.registration;
  event.tenant = grant.tenant;
  event.realm = grant.realm;
  event.generation = grant.generation;
  event.code = grant.end == GrantEnd::idle ? "idle_end" : "absolute_end";
  if (grant.ends_at <= now) event.code += "_passed";
  event.detail = what_ends(grant, now) + how_to_reconnect(grant);
  return event;
}

}  // namespace evergrant
