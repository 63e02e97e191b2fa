// Intuit's limits on API calls by realm: so many at once, so many in a minute.
// Not synchronised: the Sandbox guards it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "sandbox/settings.hpp"

namespace evergrant {

class ApiGate {
 public:
  // Nothing: it may come in, and `leave` follows; else why not.
  [[nodiscard]] std::optional<std::string> enter(const std::string& realm, const SandboxSettings& settings, Time now);
  void leave(const std::string& realm);
  void clear() { realms_.clear(); }

 private:
  struct Realm {
    int running = 0;
    int in_minute = 0;
    Time minute;
  };
  std::map<std::string, Realm> realms_;
};

}  // namespace evergrant
