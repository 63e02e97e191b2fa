#include "sandbox/api_gate.hpp"

namespace evergrant {

std::optional<std::string> ApiGate::enter(const std::string& realm, const SandboxSettings& settings, Time now) {
  if (settings.api_concurrency == 0 && settings.api_per_minute == 0) return std::nullopt;
  Realm& gate = realms_[realm];
  const Time minute = std::chrono::floor<std::chrono::minutes>(now);
  if (gate.minute != minute) {
    gate.minute = minute;
    gate.in_minute = 0;
  }
  if (settings.api_concurrency > 0 && gate.running >= settings.api_concurrency) return "Too many requests at once";
  if (settings.api_per_minute > 0 && gate.in_minute >= settings.api_per_minute) return "Too many requests in this minute";
  ++gate.running;
  ++gate.in_minute;
  return std::nullopt;
}

void ApiGate::leave(const std::string& realm) {
  const auto gate = realms_.find(realm);
  if (gate != realms_.end() && gate->second.running > 0) --gate->second.running;
}

}  // namespace evergrant
