// Errors as RFC 9457 problem details: a stable `code` for programs, `detail` and `hint` for people. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "net/http.hpp"

namespace evergrant {

struct Problem {
  Error error;
  std::vector<std::pair<std::string, std::string>> members;  // further text members: connection, registration …
  std::optional<Duration> retry_after;
  std::optional<int> status = {};  // another than the code's own
};

[[nodiscard]] int http_status(Errc code) noexcept;
[[nodiscard]] HttpResponse to_response(const Problem& problem);
// 405 with `Allow`: the path exists and does not take this method.
[[nodiscard]] HttpResponse method_not_allowed(std::string_view method, std::string_view allowed);
[[nodiscard]] inline HttpResponse to_response(const Error& error) {
  return to_response(Problem{.error = error, .members = {}, .retry_after = {}});
}

}  // namespace evergrant
