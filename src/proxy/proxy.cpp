#include "proxy/proxy.hpp"

#include "proxy/proxied_call.hpp"
#include "proxy/target.hpp"

namespace evergrant {

std::string ProxyReport::text(std::string_view method) const {
  std::string line{method};
  line.append(" ").append(host.empty() ? "-" : host).append(path_class);
  if (!sent) return line.append(": not sent");
  line.append(": ").append(status == 0 ? "no answer" : std::to_string(status));
  if (!correlation.empty()) line.append(", ").append(correlation);
  line.append(", ").append(std::to_string(bytes_up)).append(" bytes up, ");
  line.append(std::to_string(bytes_down)).append(" down, generation ").append(std::to_string(generation));
  if (replayed) line.append(", sent again with a new token");
  if (!broke.empty()) line.append(", ").append(broke);
  return line;
}

Proxy::Proxy(const Parts& parts, ProxyOptions options)
    : parts_{parts}, options_{std::move(options)}, metrics_{parts.metrics, parts.registrations} {
  for (const auto& registration : parts.registrations.all()) {
    if (auto base = fixed_base(registration.provider)) bases_.emplace(registration.id, std::move(*base));
  }
}

Task<ProxyReport> Proxy::serve(ProxyCall call, HttpExchange& exchange) {
  ProxiedCall proxied{*this, std::move(call), exchange};
  auto report = co_await proxied.run();
  co_return report;
}

}  // namespace evergrant
