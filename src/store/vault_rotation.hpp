// Rotating keys, online and resumable (VLT-06). Private to store/. Thread-safe.
#pragma once

#include <set>

#include "store/key_ring.hpp"
#include "store/sealing.hpp"
#include "store/vault.hpp"

namespace evergrant {

class VaultRotation {
 public:
  VaultRotation(Store& store, KeyRing& ring, Clock& clock, Random& random, const Log& log)
      : store_{store}, ring_{ring}, clock_{clock}, random_{random}, log_{log} {}

  Task<Result<RotationReport>> rewrap_root_keys();
  Task<Result<RotationReport>> rotate_root_key();
  Task<Result<RotationReport>> rotate_tenant_key(TenantId tenant);

 private:
  // Moves everything under keys that were replaced to the active one.
  Task<Result<RotationReport>> rewrap_tenant_keys();
  Task<Result<RotationReport>> reseal_tenant(TenantId tenant);
  Task<Result<RotationReport>> rewrap_under(KeyId root);
  Task<Result<RotationReport>> reseal_under(TenantId tenant, KeyId key);
  // True: done; false: it changed meanwhile. Errors: sealed_broken, key_unavailable for this record only.
  Task<Result<bool>> reseal(TenantId tenant, SealedPlace place);
  Task<Result<Sealed>> reseal_value(Place place, Sealed sealed);
  // Retires those of `keys` that were replaced long enough ago and are not in use.
  Task<Result<std::int64_t>> retire_unused(std::vector<StoredKey> keys);

  Store& store_;
  KeyRing& ring_;
  Clock& clock_;
  Random& random_;
  const Log& log_;
};

}  // namespace evergrant
