#include "access/policy_words.hpp"

#include <algorithm>

#include "access/path_pattern.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_method = 20;
constexpr std::int64_t most_requests = 1'000'000;

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= longest_method &&
         std::ranges::all_of(text, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
}

}  // namespace

bool allows_verb(const Policy& policy, Verb verb) {
  return std::ranges::any_of(policy.verbs, [&](Verb allowed) { return allowed == Verb::admin || allowed == verb; });
}

bool allows_method(const Policy& policy, std::string_view method) {
  return policy.methods.empty() || std::ranges::any_of(policy.methods, [&](const std::string& allowed) {
           return allowed == method || (method == "HEAD" && allowed == "GET");
         });
}

bool allows_path(const Policy& policy, std::string_view path) {
  if (policy.paths.empty()) return true;
  const auto segments = plain_segments(path);
  return segments && std::ranges::any_of(policy.paths, [&](const std::string& text) {
           const auto pattern = PathPattern::parse(text);
           return pattern && pattern->allows(*segments);
         });
}

Result<> check_policy(const Policy& policy) {
  if (policy.verbs.empty()) {
    return fail(Errc::invalid_argument, "'verbs' is empty: such a caller may do nothing",
                "name at least one of token:read, connection:read, connection:write, connect, revoke, proxy, admin");
  }
  for (const auto& id : policy.connections) {
    if (id.str().starts_with("con_")) continue;
    return fail(Errc::invalid_argument, "'connections': '" + printable(id.str(), 80) + "' is not a connection's id",
                "ids begin with con_; to allow all connections leave the field out");
  }
  for (const auto& method : policy.methods) {
    if (is_method(method)) continue;
    return fail(Errc::invalid_argument, "'methods': '" + printable(method, 40) + "' is not a method",
                "write them in capitals: GET, POST, PUT, PATCH, DELETE");
  }
  for (const auto& path : policy.paths) {
    if (const auto pattern = PathPattern::parse(path); !pattern) {
      Error why = pattern.error();
      why.message = "'paths': " + why.message;
      return std::unexpected(std::move(why));
    }
  }
  if (policy.requests_per_minute < 0 || policy.requests_per_minute > most_requests) {
    return fail(Errc::invalid_argument, "'requests_per_minute': expected 1 to 1000000, or 0 for no limit");
  }
  return {};
}

}  // namespace evergrant
