#include "sandbox/settings.hpp"

#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <utility>

#include "sandbox/json_number.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<Rotation, std::string_view>, 5> rotations{{{Rotation::never, "never"},
                                                                          {Rotation::sometimes, "sometimes"},
                                                                          {Rotation::always_with_grace, "always_with_grace"},
                                                                          {Rotation::always_strict, "always_strict"},
                                                                          {Rotation::self_refresh, "self_refresh"}}};
constexpr std::array<std::pair<PkceRule, std::string_view>, 3> pkce_rules{
    {{PkceRule::quiet, "quiet"}, {PkceRule::advertised, "advertised"}, {PkceRule::required, "required"}}};

// The one list of the fields and their names.
template <class Settings, class Visit>
void each_field(Settings& s, Visit visit) {
  visit("issuer", s.issuer);
  visit("rotation", s.rotation);
  visit("rotate_every", s.rotate_every);
  visit("rotate_jitter", s.rotate_jitter);
  visit("previous_value_lives", s.previous_value_lives);
  visit("grace", s.grace);
  visit("access_lifetime", s.access_lifetime);
  visit("code_lifetime", s.code_lifetime);
  visit("id_token_lifetime", s.id_token_lifetime);
  visit("refresh_idle", s.refresh_idle);
  visit("refresh_absolute", s.refresh_absolute);
  visit("refresh_kills_access_token", s.refresh_kills_access_token);
  visit("revocation_ends_realm", s.revocation_ends_realm);
  visit("bare_invalid_grant", s.bare_invalid_grant);
  visit("id_token_on_refresh", s.id_token_on_refresh);
  visit("nonce_returned", s.nonce_returned);
  visit("iss_parameter", s.iss_parameter);
  visit("pkce", s.pkce);
  visit("auto_consent_by_hint", s.auto_consent_by_hint);
  visit("extra_scopes", s.extra_scopes);
  visit("api_per_minute", s.api_per_minute);
  visit("api_concurrency", s.api_concurrency);
}

std::string_view pkce_name(PkceRule rule) {
  for (const auto& [value, name] : pkce_rules) {
    if (value == rule) return name;
  }
  return "quiet";
}

struct Write {
  json::object& out;
  void operator()(std::string_view name, const std::string& value) const { out[name] = value; }
  void operator()(std::string_view name, Rotation value) const { out[name] = rotation_name(value); }
  void operator()(std::string_view name, PkceRule value) const { out[name] = pkce_name(value); }
  void operator()(std::string_view name, bool value) const { out[name] = value; }
  void operator()(std::string_view name, int value) const { out[name] = value; }
  void operator()(std::string_view name, Duration value) const { out[name] = static_cast<double>(value.count()) / 1000.0; }
  void operator()(std::string_view name, const std::vector<std::string>& value) const {
    out[name] = json::array(value.begin(), value.end());
  }
};

bool read(const json::value& from, std::string& to) {
  if (!from.is_string()) return false;
  to = from.as_string();
  return true;
}
bool read(const json::value& from, bool& to) {
  if (!from.is_bool()) return false;
  to = from.as_bool();
  return true;
}
bool read(const json::value& from, int& to) {
  const auto number = number_of<int>(from);
  if (!number || *number < 0) return false;
  to = *number;
  return true;
}
bool read(const json::value& from, Duration& to) {
  constexpr double most = 100.0 * 366 * 86400;  // a hundred years in seconds
  const auto seconds = number_of<double>(from);
  if (!seconds || !std::isfinite(*seconds) || *seconds < 0 || *seconds > most) return false;
  to = Duration{static_cast<std::int64_t>(std::llround(*seconds * 1000))};
  return true;
}
bool read(const json::value& from, Rotation& to) {
  if (!from.is_string()) return false;
  const auto rotation = rotation_from(std::string{from.as_string()});
  if (rotation) to = *rotation;
  return rotation.has_value();
}
bool read(const json::value& from, PkceRule& to) {
  for (const auto& [value, name] : pkce_rules) {
    if (!from.is_string() || from.as_string() != name) continue;
    to = value;
    return true;
  }
  return false;
}
bool read(const json::value& from, std::vector<std::string>& to) {
  if (!from.is_array()) return false;
  std::vector<std::string> texts;
  for (const auto& member : from.as_array()) {
    if (!member.is_string()) return false;
    texts.emplace_back(member.as_string());
  }
  to = std::move(texts);
  return true;
}

struct Read {
  std::string_view wanted;
  const json::value& from;
  bool& known;
  bool& fits;
  template <class T>
  void operator()(std::string_view name, T& to) const {
    if (name != wanted) return;
    known = true;
    fits = read(from, to);
  }
};

}  // namespace

std::string_view rotation_name(Rotation rotation) noexcept {
  for (const auto& [value, name] : rotations) {
    if (value == rotation) return name;
  }
  return "sometimes";
}

Result<Rotation> rotation_from(std::string_view name) {
  for (const auto& [value, known] : rotations) {
    if (known == name) return value;
  }
  return fail(Errc::invalid_argument, "rotation: unknown value",
              "one of never, sometimes, always_with_grace, always_strict, self_refresh");
}

json::object to_json(const SandboxSettings& settings) {
  json::object out;
  each_field(settings, Write{out});
  return out;
}

Result<> apply(const json::object& changes, SandboxSettings& settings) {
  SandboxSettings changed = settings;
  for (const auto& [name, value] : changes) {
    bool known = false;
    bool fits = false;
    each_field(changed, Read{name, value, known, fits});
    const std::string field{name};
    if (!known) return fail(Errc::invalid_argument, field + ": no such setting", "GET /control/settings lists them");
    if (!fits) return fail(Errc::invalid_argument, field + ": not a value of this setting", "see docs/sandbox.md");
  }
  settings = std::move(changed);
  return {};
}

}  // namespace evergrant
