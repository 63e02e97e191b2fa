// What is counted of proxied calls, by registration. Looked up once: counting is on every call's way. Thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <unordered_map>

#include "base/metrics.hpp"
#include "model/registration.hpp"

namespace evergrant {

class ProxyMetrics {
 public:
  ProxyMetrics(Metrics& metrics, const Registrations& registrations);
  // `status` 0: there was no answer of the provider.
  void count(const RegistrationId& registration, int status) const;
  void time_to_answer(const RegistrationId& registration, std::chrono::nanoseconds time) const;

 private:
  struct Of {
    std::array<Metrics::Counter*, 6> by_class{};  // none, 1xx (never) … 5xx
    Metrics::Histogram* upstream = nullptr;
  };
  std::unordered_map<RegistrationId, Of> all_;
};

}  // namespace evergrant
