#include "proxy/proxy_metrics.hpp"

namespace evergrant {

ProxyMetrics::ProxyMetrics(Metrics& metrics, const Registrations& registrations) {
  static constexpr std::array<std::string_view, 6> classes{"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  for (const auto& registration : registrations.all()) {
    Of of;
    for (std::size_t i = 0; i < classes.size(); ++i) {
      if (i == 1) continue;
      of.by_class[i] = &metrics.counter("evergrant_proxy_requests_total", "Proxied calls, by the provider's answer",
                                        {{"registration", registration.id.str()}, {"class", std::string{classes[i]}}});
    }
    of.upstream = &metrics.histogram("evergrant_proxy_upstream_seconds", "From a call's sending to the head of its answer",
                                     {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
                                     {{"registration", registration.id.str()}});
    all_.emplace(registration.id, of);
  }
}

void ProxyMetrics::count(const RegistrationId& registration, int status) const {
  const auto found = all_.find(registration);
  if (found == all_.end()) return;
  auto* counter = found->second.by_class.at(static_cast<std::size_t>(status / 100) % 6);
  if (counter != nullptr) counter->increment();
}

void ProxyMetrics::time_to_answer(const RegistrationId& registration, std::chrono::nanoseconds time) const {
  const auto found = all_.find(registration);
  if (found != all_.end()) found->second.upstream->observe(std::chrono::duration<double>{time}.count());
}

}  // namespace evergrant
