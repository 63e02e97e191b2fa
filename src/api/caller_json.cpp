#include "api/json_body.hpp"

namespace evergrant {
namespace {

template <class T>
boost::json::array texts_of(const std::vector<T>& ids) {
  boost::json::array texts;
  for (const auto& id : ids) texts.emplace_back(id.str());
  return texts;
}

}  // namespace

boost::json::object to_json(const Policy& policy) {
  boost::json::array verbs;
  for (const auto verb : policy.verbs) verbs.emplace_back(to_string(verb));
  return {{"verbs", std::move(verbs)},
          {"registrations", texts_of(policy.registrations)},
          {"tenants", texts_of(policy.tenants)},
          {"connections", texts_of(policy.connections)},
          {"methods", boost::json::value_from(policy.methods)},
          {"paths", boost::json::value_from(policy.paths)},
          {"requests_per_minute", policy.requests_per_minute}};
}

boost::json::object to_json(const Caller& caller) {
  boost::json::object body{{"id", caller.id.str()}, {"name", caller.name}};
  for (auto& member : to_json(caller.policy)) body.insert(member);
  body["parent"] = nullptr;
  if (!caller.ancestors.empty()) body["parent"] = caller.ancestors.front().id.str();
  body["key_prefix"] = caller.key_prefix;
  body["expires_at"] = to_json(caller.expires_at);
  body["revoked_at"] = to_json(caller.revoked_at);
  body["created_at"] = to_rfc3339(caller.created_at);
  return body;
}

}  // namespace evergrant
