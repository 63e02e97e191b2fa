#include "api/route.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> pieces;
  path.remove_prefix(1);
  while (true) {
    const auto end = std::min(path.find('/'), path.size());
    pieces.push_back(path.substr(0, end));
    if (end == path.size()) return pieces;
    path.remove_prefix(end + 1);
  }
}

// The decoded parameters if `path` has the shape of `pattern`.
std::optional<std::vector<std::string>> match(std::string_view pattern, const std::vector<std::string_view>& path) {
  const auto wanted = segments(pattern);
  if (wanted.size() != path.size()) return std::nullopt;
  std::vector<std::string> parameters;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i].starts_with('{')) {
      if (wanted[i] != path[i]) return std::nullopt;
      continue;
    }
    auto value = percent_decode(path[i]);
    if (!value || value->empty() || !is_utf8(*value)) return std::nullopt;
    parameters.push_back(std::move(*value));
  }
  return parameters;
}

// Programs that look at a link before a person does (mail scanners, chats) send HEAD: it must not use up a connect link, a
// state, or a result.
bool is_safe(const Route& route) { return route.success != 303; }

}  // namespace

RouteMatch match_route(std::string_view method, std::string_view path) {
  RouteMatch result;
  if (!path.starts_with('/')) return result;
  const auto pieces = segments(path);
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  std::string_view pattern;  // the first that fits: words stand before parameters in the table
  for (const auto& route : routes()) {
    auto parameters = match(route.pattern, pieces);
    if (!parameters || (!pattern.empty() && route.pattern != pattern)) continue;
    pattern = route.pattern;
    if (route.method == wanted && (method != "HEAD" || is_safe(route))) return {&route, std::move(*parameters), {}};
    if (!result.allowed_methods.empty()) result.allowed_methods += ", ";
    result.allowed_methods += route.method;
  }
  return result;
}

}  // namespace evergrant
