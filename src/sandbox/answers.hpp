// Building the sandbox's answers in the shapes that Intuit's have. Pure.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "net/http.hpp"

namespace evergrant {

// `no-cache, no-store` on every one.
[[nodiscard]] HttpResponse json_answer(int status, const boost::json::value& body);
[[nodiscard]] HttpResponse html_answer(int status, std::string body);
[[nodiscard]] HttpResponse empty_answer(int status);
[[nodiscard]] HttpResponse redirect_answer(std::string location);
[[nodiscard]] HttpResponse method_not_allowed(std::string_view allowed);
// RFC 6749 5.2; an empty description is left out.
[[nodiscard]] HttpResponse oauth_error(int status, std::string_view error, std::string_view description = {});
// The control API's own.
[[nodiscard]] HttpResponse problem(int status, const Error& error);

// True if `accept` prefers XML: it names an XML type and no JSON one.
[[nodiscard]] bool wants_xml(const HttpRequest& request);

// Errors of the QuickBooks-like API.
struct ApiFault {
  int status = 400;
  std::string_view name;    // AuthenticationFailed, ThrottleExceeded …
  std::string_view number;  // six digits, as in errorCode=003200
  std::string_view type;    // AUTHENTICATION …
  std::string detail;
};
[[nodiscard]] HttpResponse api_fault(const ApiFault& fault, bool xml, Time now);
[[nodiscard]] HttpResponse validation_fault(std::string_view message, std::string_view detail, std::string_view code,
                                            Time now);

}  // namespace evergrant
