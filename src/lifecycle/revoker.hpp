// Revocation, off-boarding: local use stops at once, the provider is told until it is proven, then the row is shredded
// (REV-01 to REV-12). The outbox survives restarts. Coroutines may be awaited on any executor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lifecycle/token_service.hpp"
#include "oauth/revocation.hpp"

namespace evergrant {

struct RevokeRequest {
  ConnectionId connection;
  std::string reason;  // for the timeline
  bool force = false;  // revoke at the provider even while another live connection shares the upstream grant (REV-06)
};

struct OffboardReport {
  TenantId tenant;
  std::int64_t connections = 0;  // revocations begun now
  std::int64_t already_revoked = 0;
  std::int64_t waiting = 0;    // provider not told yet: the outbox goes on; further token pairs count as well
  bool keys_shredded = false;  // true once nothing waits: older backups open until the KEK is replaced
  Time at;
};

// The name in Store::meta of when a tenant was last off-boarded (milliseconds): links made before do not bring it back.
[[nodiscard]] std::string offboarded_name(const TenantId& tenant);

class Revoker {
 public:
  // `look_every`: how often it looks for what others made due; what this process makes due wakes it.
  Revoker(TokenService::Parts parts, TokenService& tokens, Duration look_every = std::chrono::seconds{5});
  ~Revoker();
  Revoker(const Revoker&) = delete;
  Revoker& operator=(const Revoker&) = delete;

  // 202: status is revoking when this returns; local use has stopped. Errors: not_found.
  Task<Result<Connection>> revoke(RevokeRequest request);
  // Revokes all of a tenant's connections; the tenant's key is shredded as soon as the provider was told about each. Calling
  // it again reports progress.
  Task<Result<OffboardReport>> offboard(TenantId tenant);
  // Works off the outbox until `stop`.
  Task<void> run();
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
