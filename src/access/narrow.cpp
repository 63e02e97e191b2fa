#include "access/narrow.hpp"

#include <algorithm>

#include "access/path_pattern.hpp"
#include "access/policy_words.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

std::string_view text_of(Verb verb) { return to_string(verb); }
std::string_view text_of(const std::string& text) { return text; }
template <class Tag>
std::string_view text_of(const Id<Tag>& id) {
  return id.str();
}

// `covered` tells whether the parent allows one entry. `empty_is_all`: of the field, in a policy.
template <class T, class Covered>
Result<> take(std::vector<T>& out, const std::optional<std::vector<T>>& wanted, std::string_view field, bool empty_is_all,
              Covered covered) {
  if (!wanted) return {};
  if (wanted->empty() && empty_is_all) {
    return fail(Errc::invalid_argument, "'" + std::string{field} + "' is empty, which would allow all",
                "leave it out to have what your own key has");
  }
  for (const T& entry : *wanted) {
    if (covered(entry)) continue;
    return fail(Errc::forbidden,
                "'" + std::string{field} + "': your own key does not allow '" + printable(text_of(entry), 100) + "'",
                "a derived key may do less than the key it derives from, never more");
  }
  out = *wanted;
  return {};
}

template <class T>
auto listed_in(const std::vector<T>& allowed) {
  return [&allowed](const T& entry) {
    return std::ranges::any_of(allowed, [&](const T& one) { return one.str() == "*" || one == entry; });
  };
}

bool covers_path(const Policy& parent, const std::string& text) {
  if (parent.paths.empty()) return true;
  const auto wanted = PathPattern::parse(text);
  return wanted && std::ranges::any_of(parent.paths, [&](const std::string& allowed) {
           const auto pattern = PathPattern::parse(allowed);
           return pattern && pattern->covers(*wanted);
         });
}

Result<> take_calls(Policy& out, const Policy& parent, const WantedPolicy& wanted) {
  const auto has_connection = [&](const ConnectionId& id) {
    return parent.connections.empty() || std::ranges::find(parent.connections, id) != parent.connections.end();
  };
  if (auto taken = take(out.connections, wanted.connections, "connections", true, has_connection); !taken) return taken;
  const auto has_method = [&](const std::string& method) { return allows_method(parent, method); };
  if (auto taken = take(out.methods, wanted.methods, "methods", true, has_method); !taken) return taken;
  const auto has_path = [&](const std::string& path) { return covers_path(parent, path); };
  return take(out.paths, wanted.paths, "paths", true, has_path);
}

Result<> take_limit(Policy& out, const Policy& parent, const WantedPolicy& wanted) {
  if (!wanted.requests_per_minute) return {};
  const auto own = parent.requests_per_minute;
  const bool wider = own > 0 && (*wanted.requests_per_minute == 0 || *wanted.requests_per_minute > own);
  if (wider) {
    return fail(Errc::forbidden, "'requests_per_minute': your own key allows " + std::to_string(own),
                "a derived key may do less than the key it derives from, never more");
  }
  out.requests_per_minute = *wanted.requests_per_minute;
  return {};
}

}  // namespace

Result<Policy> narrow(const Policy& parent, const WantedPolicy& wanted) {
  Policy policy = parent;
  const auto has_verb = [&](Verb verb) { return allows_verb(parent, verb); };
  auto taken = take(policy.verbs, wanted.verbs, "verbs", false, has_verb);
  if (taken) {
    taken = take(policy.registrations, wanted.registrations, "registrations", false, listed_in(parent.registrations));
  }
  if (taken) taken = take(policy.tenants, wanted.tenants, "tenants", false, listed_in(parent.tenants));
  if (taken) taken = take_calls(policy, parent, wanted);
  if (taken) taken = take_limit(policy, parent, wanted);
  if (taken) taken = check_policy(policy);
  if (!taken) return std::unexpected(taken.error());
  return policy;
}

}  // namespace evergrant
