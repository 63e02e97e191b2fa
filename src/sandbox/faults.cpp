#include "sandbox/faults.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

json::value numbers_as_strings(json::value value) {
  if (value.is_int64()) return json::string{std::to_string(value.as_int64())};
  if (value.is_uint64()) return json::string{std::to_string(value.as_uint64())};
  if (value.is_object()) {
    for (auto& [name, member] : value.as_object()) member = numbers_as_strings(member);
  }
  return value;
}

bool applies(const FaultRule& rule, const FaultQuestion& question) {
  const bool here = rule.endpoint ? *rule.endpoint == question.endpoint : question.endpoint != SandboxEndpoint::control;
  return here && (rule.grant_type.empty() || rule.grant_type == question.grant_type) &&
         (rule.realm.empty() || rule.realm == question.realm) &&
         (rule.client_id.empty() || rule.client_id == question.client_id);
}

bool changes_members(const FaultRule& rule) {
  return !rule.remove_members.empty() || !rule.set_members.empty() || rule.mangle == Mangle::numbers_as_strings;
}

std::string with_changed_members(const std::string& body, const FaultRule& rule) {
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  if (error || !value.is_object()) return body;
  if (rule.mangle == Mangle::numbers_as_strings) value = numbers_as_strings(std::move(value));
  json::object& object = value.as_object();
  for (const auto& name : rule.remove_members) object.erase(name);
  for (const auto& [name, member] : rule.set_members) object[name] = member;
  return json::serialize(object);
}

}  // namespace

std::string FaultList::add(FaultRule rule) {
  rule.id = "fault-" + std::to_string(++made_);
  rules_.push_back(std::move(rule));
  return rules_.back().id;
}

bool FaultList::remove(std::string_view id) {
  return std::erase_if(rules_, [&](const FaultRule& rule) { return rule.id == id; }) > 0;
}

std::optional<FaultRule> FaultList::take(const FaultQuestion& question) {
  for (FaultRule& rule : rules_) {
    if (!applies(rule, question) || rule.count == 0) continue;
    if (rule.skip > 0) {
      --rule.skip;
      continue;
    }
    if (rule.count) --*rule.count;
    ++rule.hits;
    return rule;
  }
  return std::nullopt;
}

HttpResponse replacement(const FaultRule& rule) {
  HttpResponse response{.status = rule.status.value_or(500), .headers = {}, .body = rule.body};
  if (!rule.body.empty()) response.headers.add("Content-Type", "application/json;charset=UTF-8");
  for (const auto& [name, value] : rule.headers) response.headers.set(name, value);
  return response;
}

HttpResponse mangled(HttpResponse response, const FaultRule& rule) {
  if (changes_members(rule)) response.body = with_changed_members(response.body, rule);
  switch (rule.mangle) {
    case Mangle::no:
    case Mangle::numbers_as_strings: break;
    case Mangle::malformed_json: response.body = "{\"access_token\": oops, " + response.body; break;
    case Mangle::truncated_json: response.body.resize(response.body.size() / 2); break;
    case Mangle::empty_body: response.body.clear(); break;
  }
  if (!rule.status) {
    for (const auto& [name, value] : rule.headers) response.headers.set(name, value);
  }
  return response;
}

}  // namespace evergrant
