#include "api/json_body.hpp"

#include <algorithm>
#include <cmath>

#include "base/encoding.hpp"
#include "crypto/strict_json.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_secret = 64U << 10U;
constexpr std::size_t longest_item = 500;
constexpr std::size_t most_items = 200;

bool is_json(const HttpRequest& request) {
  const auto type = request.headers.find("Content-Type");
  if (!type) return false;
  const auto media = trim(type->substr(0, type->find(';')));
  return equal_ignoring_case(media, "application/json");
}

void append_json_string(std::string& out, std::string_view text) {
  out += boost::json::serialize(boost::json::string_view{text});
}

bool is_vschar(char c) { return c >= 0x20 && c < 0x7F; }

// Tokens are VSCHAR (RFC 6749 appendix A.12), where only the quote and the backslash need escaping; the rest goes the slow
// way.
void append_token(std::string& out, std::string_view token) {
  const bool plain = std::ranges::all_of(token, [](char c) { return is_vschar(c) && c != '"' && c != '\\'; });
  if (!plain) return append_json_string(out, token);
  out += '"';
  out += token;
  out += '"';
}

}  // namespace

Result<JsonBody> JsonBody::parse(const HttpRequest& request, std::size_t depth) {
  if (!is_json(request)) {
    return fail(Errc::invalid_argument, "the request's Content-Type is not application/json",
                "send the body as JSON with 'Content-Type: application/json'");
  }
  auto value = parse_strict_json(request.body, depth);
  if (!value) return std::unexpected(value.error());
  if (!value->is_object()) return fail(Errc::invalid_argument, "the request's body is not a JSON object");
  return JsonBody{std::move(value->as_object())};
}

const boost::json::value* JsonBody::take(std::string_view name) {
  known_.emplace(name);
  const auto* value = object_.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void JsonBody::problem(std::string_view name, std::string_view expected) {
  if (!problem_)
    problem_ = Error{Errc::invalid_argument, "'" + prefix_ + std::string{name} + "': expected " + std::string{expected}, {}};
}

std::string JsonBody::text(std::string_view name, std::size_t longest) {
  std::string value = optional_text(name, longest);
  if (value.empty()) problem(name, "a string of 1 to " + std::to_string(longest) + " printable characters (it is required)");
  return value;
}

std::string JsonBody::optional_text(std::string_view name, std::size_t longest) {
  const auto* value = take(name);
  if (value == nullptr) return {};
  const auto* text = value->if_string();
  if (text == nullptr || text->size() > longest || printable(*text, longest) != std::string_view{*text}) {
    problem(name, "a string of at most " + std::to_string(longest) + " printable characters");
    return {};
  }
  return std::string{*text};
}

std::optional<Secret> JsonBody::secret(std::string_view name) {
  const auto* value = take(name);
  if (value == nullptr) return std::nullopt;
  const auto* text = value->if_string();
  if (text == nullptr || text->empty() || text->size() > longest_secret || !std::ranges::all_of(*text, is_vschar)) {
    problem(name, "a string of 1 to 65536 visible ASCII characters (RFC 6749 appendix A)");
    return std::nullopt;
  }
  return Secret{*text};
}

std::vector<std::string> JsonBody::texts(std::string_view name) {
  const auto* value = take(name);
  if (value == nullptr) return {};
  const auto* array = value->if_array();
  std::vector<std::string> items;
  if (array != nullptr && array->size() <= most_items) {
    for (const auto& item : *array) {
      const auto* text = item.if_string();
      if (text == nullptr || text->empty() || printable(*text, longest_item) != std::string_view{*text}) break;
      items.emplace_back(*text);
    }
  }
  if (array == nullptr || items.size() != array->size())
    problem(name, "a list of at most 200 strings of 1 to 500 printable characters");
  return items;
}

std::optional<std::vector<std::string>> JsonBody::optional_texts(std::string_view name) {
  if (take(name) == nullptr) return std::nullopt;
  return texts(name);
}

std::optional<std::int64_t> JsonBody::integer(std::string_view name, std::int64_t least, std::int64_t most) {
  const auto* value = take(name);
  if (value == nullptr) return std::nullopt;
  std::error_code error;
  const auto number = value->is_number() ? value->to_number<std::int64_t>(error) : 0;
  if (!value->is_number() || error || number < least || number > most) {
    problem(name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }
  return number;
}

bool JsonBody::boolean(std::string_view name, bool otherwise) {
  const auto* value = take(name);
  if (value == nullptr) return otherwise;
  if (!value->is_bool()) problem(name, "true or false");
  return value->is_bool() && value->as_bool();
}

std::optional<Time> JsonBody::time(std::string_view name) {
  const auto* value = take(name);
  if (value == nullptr) return std::nullopt;
  constexpr std::int64_t year_9999 = 253'402'300'799;
  if (const auto* text = value->if_string()) {
    if (const auto time = from_rfc3339(*text)) return time;
  } else if (const auto* seconds = value->if_int64(); seconds != nullptr && *seconds > 0 && *seconds <= year_9999) {
    return from_epoch_ms(*seconds * 1000);
  }
  problem(name, "a time such as \"2026-01-31T12:00:00Z\", or a number of seconds since 1970");
  return std::nullopt;
}

std::vector<JsonBody> JsonBody::objects(std::string_view name, std::size_t most) {
  const auto* value = take(name);
  if (value == nullptr) return {};
  const auto* array = value->if_array();
  const bool fits = array != nullptr && array->size() <= most &&
                    std::ranges::all_of(*array, [](const boost::json::value& item) { return item.is_object(); });
  if (!fits) {
    problem(name, "a list of at most " + std::to_string(most) + " objects");
    return {};
  }
  std::vector<JsonBody> items;
  for (const auto& item : *array) {
    JsonBody body{item.get_object()};
    body.prefix_ = std::string{name} + '.' + std::to_string(items.size()) + '.';
    items.push_back(std::move(body));
  }
  return items;
}

Result<> JsonBody::finish() const {
  if (problem_) return std::unexpected(*problem_);
  for (const auto& member : object_) {
    if (known_.contains(std::string_view{member.key()})) continue;
    std::string names;
    for (const auto& name : known_) names += (names.empty() ? "" : ", ") + name;
    return fail(Errc::invalid_argument, "'" + prefix_ + printable(member.key(), 60) + "' is not a field of this request",
                "known fields: " + names);
  }
  return {};
}

boost::json::value to_json(const std::optional<Time>& time) {
  return time ? boost::json::value(to_rfc3339(*time)) : boost::json::value(nullptr);
}

boost::json::object to_json(const Connection& connection) {
  boost::json::object extras;
  for (const auto& [name, value] : connection.extras) extras[name] = value;
  boost::json::object body{{"id", connection.id.str()},
                           {"pair", connection.pair},
                           {"registration", connection.registration.str()},
                           {"tenant", connection.tenant.str()},
                           {"realm", connection.realm.str()},
                           {"status", to_string(connection.status)},
                           {"reason", connection.reason},
                           {"generation", connection.generation},
                           {"scope", boost::json::value_from(connection.scope)},
                           {"missing_scope", boost::json::value_from(connection.missing_scope)},
                           {"extras", std::move(extras)},
                           {"access_expires_at", to_json(connection.access_expires_at)},
                           {"refresh_idle_expires_at", to_json(connection.refresh_idle_expires_at)},
                           {"refresh_absolute_expires_at", to_json(connection.refresh_absolute_expires_at)},
                           {"access_only", !is_renewable(connection) && connection.status == Status::active},
                           {"issuer", connection.issuer},
                           {"subject", connection.subject},
                           {"next_due_at", to_json(connection.next_due_at)},
                           {"last_used_at", to_json(connection.last_used_at)},
                           {"last_refreshed_at", to_json(connection.last_refreshed_at)},
                           {"created_at", to_rfc3339(connection.created_at)},
                           {"updated_at", to_rfc3339(connection.updated_at)}};
  body["main"] = nullptr;
  if (!connection.main.empty()) body["main"] = connection.main.str();
  body["failure"] = nullptr;
  if (connection.failure.kind != FailureClass::none) {
    body["failure"] = boost::json::object{{"class", to_string(connection.failure.kind)},
                                          {"count", connection.failure.count},
                                          {"since", to_json(connection.failure.since)},
                                          {"code", connection.failure.code},
                                          {"correlation", connection.failure.correlation}};
  }
  return body;
}

boost::json::object to_json(const Event& event) {
  return {{"sequence", event.sequence},
          {"at", to_rfc3339(event.at)},
          {"type", event.type},
          {"connection", event.connection.str()},
          {"registration", event.registration.str()},
          {"tenant", event.tenant.str()},
          {"realm", event.realm.str()},
          {"generation", event.generation},
          {"detail", event.detail},
          {"code", event.code},
          {"correlation", event.correlation},
          {"pair", event.pair}};
}

boost::json::object to_json(const AuditEntry& entry) {
  return {{"sequence", entry.sequence},
          {"at", to_rfc3339(entry.at)},
          {"caller", entry.caller.str()},
          {"action", entry.action},
          {"result", entry.result},
          {"registration", entry.registration.str()},
          {"tenant", entry.tenant.str()},
          {"connection", entry.connection.str()},
          {"fingerprint", entry.fingerprint},
          {"detail", entry.detail},
          {"remote", entry.remote},
          {"count", entry.count},
          {"last_at", to_rfc3339(entry.last_at.value_or(entry.at))}};
}

boost::json::object to_json(const StoredKey& key) {
  constexpr auto name_of = [](KeyState state) -> std::string_view {
    switch (state) {
      case KeyState::active: return "active";
      case KeyState::decrypt_only: return "decrypt_only";
      case KeyState::retired: return "retired";
    }
    return "active";
  };
  return {{"id", key.id.str()},
          {"kind", key.tenant.empty() ? "root" : "tenant"},
          {"tenant", key.tenant.str()},
          {"state", name_of(key.state)},
          {"wrapped_by", key.wrapped_by},
          {"seals_reserved", key.seals},
          {"created_at", to_rfc3339(key.created_at)}};
}

std::string token_body(const TokenLease& lease, Time now) {
  std::string body;
  body.reserve(lease.access_token.size() + 400);
  body += R"({"access_token":)";
  append_token(body, lease.access_token.reveal());
  body += R"(,"token_type":)";
  append_json_string(body, lease.token_type);
  body += R"(,"expires_at":)";
  body += lease.expires_at ? '"' + to_rfc3339(*lease.expires_at) + '"' : "null";
  body += R"(,"expires_in":)";
  body += lease.expires_at ? std::to_string((*lease.expires_at - now).count() / 1000) : "null";
  body += R"(,"generation":)" + std::to_string(lease.generation) + R"(,"scope":)";
  append_json_string(body, join(lease.scope, " "));
  body += R"(,"realm":)";
  append_json_string(body, lease.realm.str());
  body += R"(,"connection":)";
  append_json_string(body, lease.connection.str());
  if (!lease.pair.empty()) {
    body += R"(,"pair":)";
    append_json_string(body, lease.pair);
  }
  body += '}';
  return body;
}

}  // namespace evergrant
