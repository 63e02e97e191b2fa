#include "proxy/answer_head.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "proxy/header_rules.hpp"
#include "proxy/redirect_rule.hpp"
#include "proxy/token_trace.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_correlation = 100;

bool may_leave(std::string_view value, const Secret& token) {
  const bool clean =
      std::ranges::none_of(value, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; });
  return clean && !holds_token(value, token);
}

}  // namespace

AnswerHead caller_head(const UpstreamHead& head, const ProxyTarget& target, std::string_view proxy_base, bool base_host,
                       const Secret& access_token) {
  AnswerHead answer{.status = head.status, .headers = {}, .length = head.length};
  answer.headers.reserve(head.headers.all().size() + 1);
  const AnswerFields fields{head.headers};
  bool has_nosniff = false;
  for (const auto& [name, value] : head.headers.all()) {
    if (!may_leave(value, access_token)) continue;
    if (fields.passes(name)) {
      has_nosniff = has_nosniff || equal_ignoring_case(name, "X-Content-Type-Options");
      answer.headers.add(name, value);
    } else if (equal_ignoring_case(name, "Location")) {
      auto location = rewrite_location(value, target, proxy_base, base_host);
      if (!location.name.empty()) answer.headers.add(std::move(location.name), std::move(location.value));
    }
  }
  if (!has_nosniff) answer.headers.add("X-Content-Type-Options", "nosniff");
  return answer;
}

Headers caller_trailers(const Headers& trailers, const Secret& access_token) {
  const Headers none;
  const AnswerFields fields{none};
  Headers passed;
  for (const auto& [name, value] : trailers.all()) {
    if (fields.passes(name) && may_leave(value, access_token)) passed.add(name, value);
  }
  return passed;
}

std::string correlation_of(const UpstreamHead& head, const std::vector<std::string>& names, const Secret& access_token) {
  for (const auto& name : names) {
    const auto value = head.headers.find(name);
    if (!value) continue;
    auto shown = printable(*value, longest_correlation);
    return holds_token(*value, access_token) || repeats_token(shown, access_token) ? std::string{} : shown;
  }
  return {};
}

}  // namespace evergrant
