#include "oauth/api_request.hpp"

#include "oauth/profile_url.hpp"
#include "oauth/request_body.hpp"

namespace evergrant {

Result<OutboundRequest> build_api_request(const Registration& registration, std::string url, const Secret& access_token,
                                          std::string_view realm) {
  const Provider& provider = registration.provider;
  if (const auto problem = url_problem(url, provider.allow_loopback_http)) {
    return fail(Errc::invalid_argument, in_message(registration) + "a URL of the provider's API: " + *problem,
                "correct it in the profile");
  }
  OutboundRequest request;
  request.url = std::move(url);
  request.allow_loopback_http = provider.allow_loopback_http;
  request.headers.set("Accept", "application/json");
  for (const auto& [name, value] : provider.inject.extra_headers) {
    if (realm.empty() && value.contains("{realm}")) continue;
    request.headers.set(name, fill_in(value, "realm", realm));
  }
  std::string credential = fill_in(provider.inject.format, "token", access_token.reveal());
  request.headers.set(provider.inject.header, credential);
  wipe(credential);
  return request;
}

}  // namespace evergrant
