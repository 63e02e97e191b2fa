#include "sandbox/grant_json.hpp"

#include <boost/json.hpp>

namespace evergrant {
namespace {

namespace json = boost::json;

std::string text(const json::object& from, std::string_view name) { return std::string{from.at(name).as_string()}; }
Time time(const json::object& from, std::string_view name) { return from_epoch_ms(from.at(name).to_number<std::int64_t>()); }
template <class T>
T number(const json::object& from, std::string_view name) {
  return from.at(name).to_number<T>();
}
std::optional<Time> maybe_time(const json::object& from, std::string_view name) {
  if (from.at(name).is_null()) return std::nullopt;
  return time(from, name);
}
json::value maybe(std::optional<Time> moment) { return moment ? json::value(to_epoch_ms(*moment)) : json::value(nullptr); }
json::value shown(std::optional<Time> moment) { return moment ? json::value(to_rfc3339(*moment)) : json::value(nullptr); }

json::object consent_json(const Consent& consent) {
  return {{"client_id", consent.client_id},
          {"realm", consent.realm},
          {"scope", json::array(consent.scope.begin(), consent.scope.end())},
          {"nonce", consent.nonce},
          {"realm_claim", consent.realm_claim},
          {"at", to_epoch_ms(consent.at)}};
}

Consent consent_from_json(const json::object& from) {
  Consent consent{.client_id = text(from, "client_id"),
                  .realm = text(from, "realm"),
                  .scope = {},
                  .nonce = text(from, "nonce"),
                  .realm_claim = from.at("realm_claim").as_bool(),
                  .at = time(from, "at")};
  for (const auto& scope : from.at("scope").as_array()) consent.scope.emplace_back(scope.as_string());
  return consent;
}

json::array refresh_tokens_json(const Grant& grant) {
  json::array out;
  for (const auto& token : grant.refresh_tokens) {
    out.push_back(json::object{{"value", token.value},
                               {"issued_at", to_epoch_ms(token.issued_at)},
                               {"expires_at", to_epoch_ms(token.expires_at)},
                               {"jitter_permille", token.jitter_permille},
                               {"superseded_at", maybe(token.superseded_at)}});
  }
  return out;
}

json::array access_tokens_json(const Grant& grant) {
  json::array out;
  for (const auto& token : grant.access_tokens) {
    out.push_back(
        json::object{{"value", token.value}, {"expires_at", to_epoch_ms(token.expires_at)}, {"killed", token.killed}});
  }
  return out;
}

}  // namespace

json::object to_json(const Grant& grant) {
  return {{"id", grant.id},
          {"consent", consent_json(grant.consent)},
          {"created_at", to_epoch_ms(grant.created_at)},
          {"absolute_end", to_epoch_ms(grant.absolute_end)},
          {"alive", grant.alive},
          {"ended_by", grant.ended_by},
          {"ended_at", maybe(grant.ended_at)},
          {"last_refreshed_at", maybe(grant.last_refreshed_at)},
          {"token_requests", grant.token_requests},
          {"refreshes", grant.refreshes},
          {"refresh_values", grant.refresh_values},
          {"superseded_presented", grant.superseded_presented},
          {"most_in_flight", grant.most_in_flight},
          {"refresh_tokens", refresh_tokens_json(grant)},
          {"access_tokens", access_tokens_json(grant)}};
}

Grant grant_from_json(const json::value& value) {
  const json::object& from = value.as_object();
  Grant grant;
  grant.id = text(from, "id");
  grant.consent = consent_from_json(from.at("consent").as_object());
  grant.created_at = time(from, "created_at");
  grant.absolute_end = time(from, "absolute_end");
  grant.alive = from.at("alive").as_bool();
  grant.ended_by = text(from, "ended_by");
  grant.ended_at = maybe_time(from, "ended_at");
  grant.last_refreshed_at = maybe_time(from, "last_refreshed_at");
  grant.token_requests = number<std::int64_t>(from, "token_requests");
  grant.refreshes = number<std::int64_t>(from, "refreshes");
  grant.refresh_values = number<std::int64_t>(from, "refresh_values");
  grant.superseded_presented = number<std::int64_t>(from, "superseded_presented");
  grant.most_in_flight = number<int>(from, "most_in_flight");
  for (const auto& entry : from.at("refresh_tokens").as_array()) {
    const json::object& token = entry.as_object();
    grant.refresh_tokens.push_back({.value = text(token, "value"),
                                    .issued_at = time(token, "issued_at"),
                                    .expires_at = time(token, "expires_at"),
                                    .jitter_permille = number<int>(token, "jitter_permille"),
                                    .superseded_at = maybe_time(token, "superseded_at")});
  }
  for (const auto& entry : from.at("access_tokens").as_array()) {
    const json::object& token = entry.as_object();
    grant.access_tokens.push_back(
        {.value = text(token, "value"), .expires_at = time(token, "expires_at"), .killed = token.at("killed").as_bool()});
  }
  return grant;
}

json::object describe(const Grant& grant, ShowTokens tokens) {
  json::object out{{"id", grant.id},
                   {"client_id", grant.consent.client_id},
                   {"realm", grant.consent.realm},
                   {"scope", json::array(grant.consent.scope.begin(), grant.consent.scope.end())},
                   {"alive", grant.alive},
                   {"ended_by", grant.ended_by},
                   {"ended_at", shown(grant.ended_at)},
                   {"created_at", to_rfc3339(grant.created_at)},
                   {"absolute_end", to_rfc3339(grant.absolute_end)},
                   {"last_refreshed_at", shown(grant.last_refreshed_at)},
                   {"token_requests", grant.token_requests},
                   {"refreshes", grant.refreshes},
                   {"refresh_values_issued", grant.refresh_values},
                   {"reuse_detected", grant.superseded_presented > 0},
                   {"superseded_presented", grant.superseded_presented},
                   {"requests_in_flight", grant.requests_in_flight},
                   {"most_in_flight", grant.most_in_flight}};
  if (!grant.access_tokens.empty()) out["access_expires_at"] = to_rfc3339(grant.access_tokens.back().expires_at);
  if (!grant.refresh_tokens.empty()) out["refresh_expires_at"] = to_rfc3339(grant.refresh_tokens.back().expires_at);
  if (tokens == ShowTokens::yes) {
    out["access_tokens"] = access_tokens_json(grant);
    out["refresh_tokens"] = refresh_tokens_json(grant);
  }
  return out;
}

}  // namespace evergrant
