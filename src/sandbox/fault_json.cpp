// Fault rules as the control API spells them.
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <functional>
#include <map>

#include "sandbox/faults.hpp"
#include "sandbox/json_number.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<SandboxEndpoint, std::string_view>, 11> endpoints{{{SandboxEndpoint::start, "start"},
                                                                                  {SandboxEndpoint::metadata, "metadata"},
                                                                                  {SandboxEndpoint::authorize, "authorize"},
                                                                                  {SandboxEndpoint::consent, "consent"},
                                                                                  {SandboxEndpoint::token, "token"},
                                                                                  {SandboxEndpoint::revoke, "revoke"},
                                                                                  {SandboxEndpoint::userinfo, "userinfo"},
                                                                                  {SandboxEndpoint::jwks, "jwks"},
                                                                                  {SandboxEndpoint::api, "api"},
                                                                                  {SandboxEndpoint::control, "control"},
                                                                                  {SandboxEndpoint::none, "none"}}};
constexpr std::array<std::pair<Drop, std::string_view>, 4> drops{
    {{Drop::no, "no"}, {Drop::before, "before"}, {Drop::after, "after"}, {Drop::refuse, "refuse"}}};
constexpr std::array<std::pair<Mangle, std::string_view>, 5> mangles{{{Mangle::no, "no"},
                                                                      {Mangle::malformed_json, "malformed_json"},
                                                                      {Mangle::truncated_json, "truncated_json"},
                                                                      {Mangle::empty_body, "empty_body"},
                                                                      {Mangle::numbers_as_strings, "numbers_as_strings"}}};

template <class Table>
auto named(const Table& table, const json::value& value) -> std::optional<typename Table::value_type::first_type> {
  if (!value.is_string()) return std::nullopt;
  for (const auto& [member, name] : table) {
    if (value.as_string() == name) return member;
  }
  return std::nullopt;
}

template <class Table, class Value>
std::string_view name_in(const Table& table, Value value) {
  for (const auto& [member, name] : table) {
    if (member == value) return name;
  }
  return "";
}

template <class T>
bool assign(const std::optional<T>& value, T& target) {
  if (value) target = *value;
  return value.has_value();
}

bool read_text(const json::value& value, std::string& target) {
  if (!value.is_string()) return false;
  target = value.as_string();
  return true;
}

bool read_flag(const json::value& value, bool& target) {
  if (!value.is_bool()) return false;
  target = value.as_bool();
  return true;
}

bool read_number(const json::value& value, int least, int most, int& target) {
  const auto number = number_of<int>(value);
  if (!number || *number < least || *number > most) return false;
  target = *number;
  return true;
}

bool read_texts(const json::value& value, std::vector<std::string>& target) {
  if (!value.is_array()) return false;
  for (const auto& member : value.as_array()) {
    if (!member.is_string()) return false;
    target.emplace_back(member.as_string());
  }
  return true;
}

bool read_object(const json::value& value, json::object& target) {
  if (!value.is_object()) return false;
  target = value.as_object();
  return true;
}

bool read_delay(const json::value& value, Duration& target) {
  int milliseconds = 0;
  if (!read_number(value, 0, 3'600'000, milliseconds)) return false;
  target = Duration{milliseconds};
  return true;
}

// A count, or "always".
bool read_count(const json::value& value, std::optional<int>& target) {
  if (value.is_string() && value.as_string() == "always") return true;
  int number = 0;
  if (!read_number(value, 0, 1'000'000'000, number)) return false;
  target = number;
  return true;
}

bool read_endpoint(const json::value& value, std::optional<SandboxEndpoint>& target) {
  if (value.is_string() && value.as_string() == "any") return true;
  target = named(endpoints, value);
  return target.has_value();
}

bool is_header_safe(std::string_view text) {
  return text.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos;
}

bool read_headers(const json::value& value, std::vector<std::pair<std::string, std::string>>& target) {
  if (!value.is_object()) return false;
  for (const auto& [name, member] : value.as_object()) {
    if (!member.is_string() || !is_header_safe(name) || !is_header_safe(member.as_string())) return false;
    target.emplace_back(name, member.as_string());
  }
  return true;
}

// The body of a replaced answer: text as it is, or JSON.
bool read_body(const json::value& value, std::string& target) {
  target = value.is_string() ? std::string{value.as_string()} : json::serialize(value);
  return true;
}

bool read_status(const json::value& value, std::optional<int>& target) {
  int status = 0;
  if (!read_number(value, 200, 599, status)) return false;
  target = status;
  return true;
}

bool read_id_token(const json::value& value, IdTokenFault& target) {
  if (!value.is_object()) return false;
  for (const auto& [name, member] : value.as_object()) {
    const bool fits = (name == "set" && read_object(member, target.set)) ||
                      (name == "remove" && read_texts(member, target.remove)) ||
                      (name == "alg_none" && read_flag(member, target.alg_none)) ||
                      (name == "bad_signature" && read_flag(member, target.bad_signature)) ||
                      (name == "foreign_key" && read_flag(member, target.foreign_key));
    if (!fits) return false;
  }
  return true;
}

using Reader = bool (*)(const json::value&, FaultRule&);
const std::map<std::string_view, Reader, std::less<>>& readers() {
  static const std::map<std::string_view, Reader, std::less<>> table{
      {"endpoint", [](const json::value& v, FaultRule& r) { return read_endpoint(v, r.endpoint); }},
      {"grant_type", [](const json::value& v, FaultRule& r) { return read_text(v, r.grant_type); }},
      {"realm", [](const json::value& v, FaultRule& r) { return read_text(v, r.realm); }},
      {"client_id", [](const json::value& v, FaultRule& r) { return read_text(v, r.client_id); }},
      {"skip", [](const json::value& v, FaultRule& r) { return read_number(v, 0, 1'000'000'000, r.skip); }},
      {"count", [](const json::value& v, FaultRule& r) { return read_count(v, r.count); }},
      {"latency_ms", [](const json::value& v, FaultRule& r) { return read_delay(v, r.latency); }},
      {"latency_after_ms", [](const json::value& v, FaultRule& r) { return read_delay(v, r.latency_after); }},
      {"drop", [](const json::value& v, FaultRule& r) { return assign(named(drops, v), r.drop); }},
      {"status", [](const json::value& v, FaultRule& r) { return read_status(v, r.status); }},
      {"body", [](const json::value& v, FaultRule& r) { return read_body(v, r.body); }},
      {"headers", [](const json::value& v, FaultRule& r) { return read_headers(v, r.headers); }},
      {"process", [](const json::value& v, FaultRule& r) { return read_flag(v, r.process); }},
      {"mangle", [](const json::value& v, FaultRule& r) { return assign(named(mangles, v), r.mangle); }},
      {"remove_members", [](const json::value& v, FaultRule& r) { return read_texts(v, r.remove_members); }},
      {"set_members", [](const json::value& v, FaultRule& r) { return read_object(v, r.set_members); }},
      {"id_token", [](const json::value& v, FaultRule& r) { return read_id_token(v, r.id_token); }},
  };
  return table;
}

json::object id_token_json(const IdTokenFault& fault) {
  return {{"set", fault.set},
          {"remove", json::array(fault.remove.begin(), fault.remove.end())},
          {"alg_none", fault.alg_none},
          {"bad_signature", fault.bad_signature},
          {"foreign_key", fault.foreign_key}};
}

}  // namespace

std::string_view to_string(SandboxEndpoint endpoint) noexcept { return name_in(endpoints, endpoint); }

Result<FaultRule> fault_from_json(const json::object& source) {
  FaultRule rule;
  for (const auto& [name, value] : source) {
    const auto reader = readers().find(std::string_view{name});
    if (reader == readers().end()) {
      return fail(Errc::invalid_argument, std::string{name} + ": no such member of a fault", "docs/sandbox.md lists them");
    }
    if (!reader->second(value, rule)) {
      return fail(Errc::invalid_argument, std::string{name} + ": not a value of this member", "docs/sandbox.md lists them");
    }
  }
  if (rule.endpoint == SandboxEndpoint::control) {
    return fail(Errc::invalid_argument, "endpoint: the control API itself cannot be made to fail");
  }
  if (!rule.body.empty() && !rule.status) {
    return fail(Errc::invalid_argument, "body: given without status", "name the status that it comes with");
  }
  return rule;
}

json::object to_json(const FaultRule& rule) {
  json::object out{{"id", rule.id}, {"hits", rule.hits}};
  out["endpoint"] = rule.endpoint ? to_string(*rule.endpoint) : "any";
  for (const auto& [name, text] :
       {std::pair{"grant_type", &rule.grant_type}, {"realm", &rule.realm}, {"client_id", &rule.client_id}}) {
    if (!text->empty()) out[name] = *text;
  }
  if (rule.skip > 0) out["skip"] = rule.skip;
  out["count"] = rule.count ? json::value(*rule.count) : json::value("always");
  if (rule.latency.count() > 0) out["latency_ms"] = rule.latency.count();
  if (rule.latency_after.count() > 0) out["latency_after_ms"] = rule.latency_after.count();
  if (rule.drop != Drop::no) out["drop"] = name_in(drops, rule.drop);
  if (rule.status) out["status"] = *rule.status;
  if (!rule.body.empty()) out["body"] = rule.body;
  json::object headers;
  for (const auto& [name, value] : rule.headers) headers[name] = value;
  if (!headers.empty()) out["headers"] = std::move(headers);
  if (rule.process) out["process"] = true;
  if (rule.mangle != Mangle::no) out["mangle"] = name_in(mangles, rule.mangle);
  if (!rule.remove_members.empty())
    out["remove_members"] = json::array(rule.remove_members.begin(), rule.remove_members.end());
  if (!rule.set_members.empty()) out["set_members"] = rule.set_members;
  if (rule.id_token.any()) out["id_token"] = id_token_json(rule.id_token);
  return out;
}

}  // namespace evergrant
