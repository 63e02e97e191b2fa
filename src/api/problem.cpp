#include "api/problem.hpp"

#include <boost/json.hpp>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

std::string_view title_of(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument: return "The request is not valid";
    case Errc::unauthenticated: return "Authentication is required";
    case Errc::forbidden: return "Not allowed";
    case Errc::not_found: return "Not found";
    case Errc::conflict: return "Conflict";
    case Errc::gone: return "No longer available";
    case Errc::too_large: return "Too large";
    case Errc::rate_limited: return "Too many requests";
    case Errc::reauth_required: return "The customer must connect again";
    case Errc::revoked: return "The connection is revoked";
    case Errc::quarantined: return "The connection is held";
    case Errc::registration_paused: return "The provider refuses this registration";
    case Errc::provider_unavailable: return "The provider cannot be reached";
    case Errc::provider_rejected: return "The provider refused the request";
    case Errc::ambiguous: return "The provider's answer was lost";
    case Errc::stale: return "Changed meanwhile";
    case Errc::busy: return "Busy";
    case Errc::deadline_exceeded: return "The deadline passed";
    case Errc::sealed_broken: return "A stored value cannot be opened";
    case Errc::key_unavailable: return "A key is not available";
    case Errc::store_unavailable: return "The store is not available";
    case Errc::unsupported: return "Not supported";
    case Errc::insufficient_scope: return "More has to be granted";
    case Errc::internal: return "Internal error";
  }
  return "Internal error";
}

HttpResponse problem_json(boost::json::object body) {
  HttpResponse response;
  response.status = static_cast<int>(body.at("status").as_int64());
  response.body = boost::json::serialize(body);
  response.headers.add("Content-Type", "application/problem+json");
  response.headers.add("Cache-Control", "no-store");
  return response;
}

}  // namespace

int http_status(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument: return 400;
    case Errc::unauthenticated: return 401;
    case Errc::forbidden:
    case Errc::insufficient_scope: return 403;
    case Errc::not_found: return 404;
    case Errc::conflict:
    case Errc::reauth_required:
    case Errc::quarantined:
    case Errc::stale: return 409;
    case Errc::gone:
    case Errc::revoked: return 410;
    case Errc::too_large: return 413;
    case Errc::rate_limited: return 429;
    case Errc::provider_rejected: return 502;
    case Errc::registration_paused:
    case Errc::provider_unavailable:
    case Errc::ambiguous:
    case Errc::busy:
    case Errc::key_unavailable:
    case Errc::store_unavailable: return 503;
    case Errc::deadline_exceeded: return 504;
    case Errc::unsupported: return 501;
    case Errc::sealed_broken:
    case Errc::internal: return 500;
  }
  return 500;
}

HttpResponse to_response(const Problem& problem) {
  const auto& error = problem.error;
  boost::json::object body{{"type", "about:blank"},
                           {"title", title_of(error.code)},
                           {"status", problem.status.value_or(http_status(error.code))},
                           {"code", to_string(error.code)},
                           {"detail", printable(error.message, 500)}};
  if (!error.hint.empty()) body["hint"] = printable(error.hint, 500);
  for (const auto& [name, value] : problem.members) body[name] = value;
  HttpResponse response = problem_json(std::move(body));
  if (error.code == Errc::unauthenticated) response.headers.add("WWW-Authenticate", "Bearer realm=\"evergrant\"");
  if (problem.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*problem.retry_after).count();
    response.headers.add("Retry-After", std::to_string(seconds));
  }
  return response;
}

HttpResponse method_not_allowed(std::string_view method, std::string_view allowed) {
  HttpResponse response = problem_json({{"type", "about:blank"},
                                        {"title", "Method not allowed"},
                                        {"status", 405},
                                        {"code", "method_not_allowed"},
                                        {"detail", "this resource does not take " + printable(method, 20)},
                                        {"hint", "it takes: " + std::string{allowed}}});
  response.headers.add("Allow", std::string{allowed});
  return response;
}

}  // namespace evergrant
