#include "oauth/document_cache.hpp"

#include <algorithm>
#include <charconv>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

// The number of a `max-age=N` directive (RFC 9111 5.2.2.1), which may be quoted.
std::optional<Duration> max_age_of(std::string_view directive) {
  constexpr std::string_view name = "max-age=";
  if (!directive.starts_with(name)) return std::nullopt;
  std::string_view digits = trim(directive.substr(name.size()));
  if (digits.size() >= 2 && digits.starts_with('"') && digits.ends_with('"')) digits = digits.substr(1, digits.size() - 2);
  std::int32_t seconds = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (error == std::errc::result_out_of_range) return Duration::max();
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return std::chrono::seconds{seconds};
}

}  // namespace

Duration lifetime_of(const Headers& headers, const CacheRules& rules) {
  std::optional<Duration> told;
  for (const auto& [name, value] : headers.all()) {
    if (!equal_ignoring_case(name, "Cache-Control")) continue;
    for (const std::string& piece : split(to_lower_ascii(value), ',')) {
      const std::string_view directive = trim(piece);
      if (directive == "no-store" || directive == "no-cache") return rules.shortest;
      const auto age = max_age_of(directive);
      if (age) told = told ? std::min(*told, *age) : *age;
    }
  }
  return std::clamp(told.value_or(rules.usual), rules.shortest, rules.longest);
}

Task<Result<HttpResponse>> fetch_document(HttpTransport& transport, OutboundRequest request) {
  const std::string url = request.url;
  auto response = co_await transport.send(std::move(request));
  if (!response && response.error().code == Errc::invalid_argument) co_return response;
  if (!response) {  // a GET may be sent again, whatever became of this one
    co_return fail(Errc::provider_unavailable, "GET " + url + ": " + response.error().message, response.error().hint);
  }
  if (response->status != 200) {
    co_return fail(Errc::provider_unavailable,
                   "GET " + url + " was answered with status " + std::to_string(response->status),
                   "check the URL in the provider's profile; redirects are not followed");
  }
  co_return response;
}

}  // namespace evergrant
