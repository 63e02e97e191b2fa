#include "app/service_graph.hpp"

#include <algorithm>

#include "app/config_local_callers.hpp"
#include "net/address_guard.hpp"

namespace evergrant {
namespace {

ConnectOptions connect_options(const Config& config) {
  ConnectOptions options = config.connect;
  options.public_url = config.public_url;
  return options;
}

RefreshOptions refresh_options(const Config& config, std::string owner, Duration grace) {
  RefreshOptions options = config.refresh;
  options.owner = std::move(owner);
  options.stop_wait = grace;
  return options;
}

// Metrics carry no tenant data but do tell about the business, so they need a key unless only this machine can ask (SVC-07).
// A loopback listener behind a proxy is open to whom the proxy serves: then the public URL is https, as http is loopback's.
bool is_local(const Config& config) {
  const bool tcp = config.server.unix_socket.empty() || config.server.unix_socket_beside_tcp;
  const bool here = !tcp || is_loopback_host(config.server.address);
  return here && config.server.trusted_proxies.empty() && config.public_url.starts_with("http://");
}

}  // namespace

ServiceGraph::ServiceGraph(const Seams& seams, const Config& config, const ProviderCatalogue& catalogue,
                           std::vector<Registration> registrations, std::string owner)
    : seams_{seams},
      registrations_{std::move(registrations)},
      providers_{catalogue.all()},
      vault_{seams.store, seams.kek, seams.older_keks, seams.clock, seams.random, seams.log},
      directory_{seams.transport, seams.clock, seams.log, metrics_},
      tokens_{parts(), refresh_options(config, std::move(owner), seams.grace)},
      connector_{parts(), tokens_, connect_options(config)},
      revoker_{parts(), tokens_, seams.cadence.outbox_look},
      id_tokens_{seams.engine, directory_, registrations_, seams.clock},
      user_info_{parts(), tokens_},
      janitor_{seams.store, seams.clock, metrics_, seams.log, config.retention, config.sweep_every},
      announcer_{seams.store, registrations_, seams.clock, metrics_, seams.log},
      callers_{seams.store, seams.clock, seams.random},
      audit_{seams.store, seams.clock, seams.log},
      api_{{seams.store, vault_, tokens_, connector_, revoker_, id_tokens_, user_info_, callers_, audit_, registrations_,
            providers_, seams.clock, seams.random, metrics_, seams.log, proxy_on(config)},
           {.public_url = config.public_url,
            .metrics_need_key = !is_local(config),
            .local_callers = make_local_callers(config.local_callers)}} {}

TokenService::Parts ServiceGraph::parts() {
  return {seams_.engine, seams_.store,  vault_,   directory_, seams_.transport, registrations_,
          seams_.clock,  seams_.random, metrics_, seams_.log, &seams_.escrow};
}

Proxy* ServiceGraph::proxy_on(const Config& config) {
  if (seams_.upstream == nullptr) return nullptr;
  ProxyOptions options = config.proxy;
  options.user_agent = config.http_client.user_agent;
  return &proxy_.emplace(Proxy::Parts{*seams_.upstream, tokens_, registrations_, seams_.clock, metrics_},
                         std::move(options));
}

void ServiceGraph::run_until_stopped(Task<void> task) {
  const Completion<bool> ended = endings_.emplace_back();
  spawn(seams_.engine, [](Task<void> inner, Completion<bool> over) -> Task<void> {
    co_await std::move(inner);  // ends after `stop`
    over.set(true);
  }(std::move(task), ended));
}

Task<Result<>> ServiceGraph::start() {
  auto loaded = co_await vault_.start();
  if (!loaded) co_return loaded;
  run_until_stopped(tokens_.run());
  run_until_stopped(revoker_.run());
  run_until_stopped(janitor_.run());
  run_until_stopped(announcer_.run());
  run_until_stopped(audit_.run(seams_.cadence.audit_flush));
  co_return Result<>{};
}

Task<bool> ServiceGraph::stop() {
  revoker_.stop();
  janitor_.stop();
  announcer_.stop();
  audit_.stop();
  co_await tokens_.stop();
  const std::vector<Completion<bool>> endings = endings_;
  bool all_over = true;
  for (const auto& ending : endings) {
    auto over = co_await wait_for(ending, std::max(seams_.grace, grace_at_stop));
    all_over = over.has_value();
    if (!all_over) break;
  }
  auto flushed = co_await audit_.flush();  // also where something outlasted its time
  co_return all_over&& flushed.has_value();
}

}  // namespace evergrant
