// One API call on its way through the handlers. Lives in the dispatcher's frame for as long as the handler runs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/encoding.hpp"
#include "model/caller.hpp"
#include "net/http.hpp"

namespace evergrant {

struct Route;

struct Call {
  HttpRequest request;
  const Route* route = nullptr;
  std::vector<std::string> path;  // decoded path parameters
  Parameters query;
  std::shared_ptr<const Caller> caller;  // nothing on public routes
  AuditEntry audit;                      // handlers fill in what the call was about
  std::optional<Duration> retry_after;   // of a problem, where it is known better than by its code
  // Added to the problem if the call fails: connection, registration, tenant for a reconnect …
  std::vector<std::pair<std::string, std::string>> problem_members;
};

struct Reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace evergrant
