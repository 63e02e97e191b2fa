// The keys in memory: root keys under the KEK, tenant keys under root keys. Loads, makes and counts them. Private to store/.
// Thread-safe; key memory is locked and wiped. No lock is held across a store call.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "crypto/kek.hpp"
#include "crypto/locked_key.hpp"
#include "store/hot_keys.hpp"
#include "store/kept.hpp"
#include "store/store.hpp"

namespace evergrant {

// How many keys, and how many tenants' current ones, are kept in memory; others are opened when they are needed.
inline constexpr std::size_t keys_kept = 65'536;

// A key that is open. `seals_left` of what was reserved for this process (VLT-03).
struct OpenKey {
  OpenKey(const StoredKey& row, const Secret& key) : id{row.id}, tenant{row.tenant}, purpose{row.purpose}, material{key} {}
  const KeyId id;
  const TenantId tenant;
  const KeyPurpose purpose;
  const LockedKey material;
  std::atomic<std::int64_t> seals_left{0};
  std::atomic<bool> forgotten{false};  // whoever still holds it opens nothing more for readers
};
using KeyHandle = std::shared_ptr<OpenKey>;

// How often one key may seal with random 96-bit nonces (SP 800-38D 8.3), and how many seals are reserved at a time.
inline constexpr std::int64_t seal_limit = std::int64_t{1} << 32;
// A key that made room in memory reserves anew when it is opened again: it may be so a quarter of a million times.
inline constexpr std::int64_t seal_step = std::int64_t{1} << 14;

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order in which they need each other; there is one
class KeyRing {
 public:
  KeyRing(Store& store, KekSource& kek, std::vector<KekSource*> previous, Clock& clock, Random& random, const Log& log);

  // Opens every root key, makes the first one and the installation's indexing key. Errors: key_unavailable.
  Task<Result<>> start();
  // The installation's indexing key; null before `start`.
  [[nodiscard]] KeyHandle installation_key() const;

  // A key that is in memory; null: it is not.
  [[nodiscard]] KeyHandle cached(const KeyId& id) const;
  // The same keys, ready to open with.
  [[nodiscard]] HotKeys& hot_keys() noexcept { return hot_keys_; }
  // The key `id` of `tenant`, loaded if need be. Errors: sealed_broken (the tenant has no such key, for good),
  // key_unavailable (it has, and it cannot be had now), those of the store.
  Task<Result<KeyHandle>> opening_key(TenantId tenant, KeyId id);
  // The tenant's active key with one seal taken from its count; made at first use, replaced before its count ends.
  Task<Result<KeyHandle>> sealing_key(TenantId tenant);
  Task<Result<KeyHandle>> indexing_key(TenantId tenant);

  // Makes a new active key; the former one opens only.
  Task<Result<KeyHandle>> replace_tenant_key(TenantId tenant);
  Task<Result<>> replace_root_key();
  // Wraps `row`, a root key, by the current KEK.
  Task<Result<>> rewrap_root(StoredKey row);
  // Wraps `row`, a tenant key, by the active root key. Errors, beside the store's: key_unavailable, sealed_broken.
  Task<Result<>> rewrap_tenant_key(StoredKey row);
  [[nodiscard]] bool is_wrapped_by_current_kek(const StoredKey& root) const { return root.wrapped_by == kek_.id(); }

  void forget(const KeyId& id);
  void forget_tenant(const TenantId& tenant);

 private:
  struct TenantKeys {
    KeyHandle sealing, indexing;
    Time checked_at;
  };
  struct Loaded {
    TenantKeys active;
    std::unordered_map<KeyId, Result<KeyHandle>> all;  // but for retired ones
  };
  struct Shard {
    mutable std::shared_mutex mutex;
    Kept<KeyId, KeyHandle> keys;
    Kept<TenantId, TenantKeys> tenants;
  };
  static constexpr std::size_t shard_count = 16;
  [[nodiscard]] Shard& shard_of(const std::string& name) const;

  Task<Result<>> load_roots();
  Task<Result<>> make_root(bool replace);
  [[nodiscard]] Result<Secret> unwrap_root(const StoredKey& row) const;
  [[nodiscard]] KeyHandle root(const KeyId& id) const;
  // The active root key with one seal taken from its count.
  Task<Result<KeyHandle>> wrapping_root();
  Task<Result<KeyHandle>> unwrap_tenant_key(StoredKey row);
  Task<Result<Loaded>> load_tenant(TenantId tenant);
  Task<Result<KeyHandle>> make_key(TenantId tenant, KeyPurpose purpose, bool replace);
  Task<Result<KeyHandle>> active_key(TenantId tenant, KeyPurpose purpose);
  // False: the key has sealed as often as it may.
  Task<Result<bool>> take_seal(KeyHandle key);
  [[nodiscard]] std::optional<TenantKeys> fresh(const TenantId& tenant) const;
  // Both do nothing if a tenant was forgotten since `epoch`, so that a load under way does not bring its keys back.
  void remember(const KeyHandle& key, std::uint64_t epoch);
  void remember(const TenantId& tenant, const TenantKeys& keys, std::uint64_t epoch);

  Store& store_;
  KekSource& kek_;
  const std::vector<KekSource*> previous_;
  Clock& clock_;
  Random& random_;
  const Log& log_;
  mutable std::array<Shard, shard_count> shards_;
  std::atomic<std::uint64_t> forgotten_{0};
  HotKeys hot_keys_{[this](const KeyId& id) { return cached(id); }};
  mutable std::shared_mutex roots_mutex_;
  std::unordered_map<KeyId, KeyHandle> roots_;
  KeyId active_root_;
  KeyHandle installation_;
};

}  // namespace evergrant
