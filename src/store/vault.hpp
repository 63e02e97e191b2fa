// Seals and opens what belongs to connections: tenant keys under root keys under the KEK (design section 7).
// The associated data binds tenant, registration, realm, connection, field, generation and key id.
// Thread-safe: `open_now` and `seal` may run on any thread; key memory is locked and wiped.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "crypto/aead.hpp"
#include "crypto/kek.hpp"
#include "model/connection.hpp"
#include "store/store.hpp"

namespace evergrant {

// Where a sealed value stands.
struct Place {
  TenantId tenant;
  RegistrationId registration;
  RealmId realm;
  ConnectionId connection;
  std::string_view field;  // "access_token", "refresh_token", "extras", "answer", "session"
  Generation generation = 0;
};

struct RotationReport {
  std::int64_t rewrapped_root_keys = 0;
  std::int64_t rewrapped_tenant_keys = 0;
  std::int64_t resealed_records = 0;
  std::int64_t retired_keys = 0;
  std::int64_t unreadable_records = 0;  // reported, never dropped (VLT-12)
};

struct OpenKey;

// A sealed value in its place, made ready for being opened at every read. Views into `value`, which outlives it unchanged.
class Opening {
 public:
  Opening(const Place& place, const Sealed& value);
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;
  ~Opening() = default;

  // The key, where it was found before and is in memory still; any thread.
  [[nodiscard]] std::shared_ptr<OpenKey> known_key() const noexcept {
    return found_.load(std::memory_order_acquire) == Found::noted ? known_.lock() : nullptr;
  }
  // A key that may open it. Only the first counts. It keeps no key alive.
  void note_key(const std::shared_ptr<OpenKey>& key_found) const noexcept;
  // It is that one. (By its control block, which stays as long as anybody knows of it.)
  [[nodiscard]] bool is_noted(const std::shared_ptr<OpenKey>& key_asked) const noexcept {
    return found_.load(std::memory_order_acquire) == Found::noted && !known_.owner_before(key_asked) &&
           !key_asked.owner_before(known_);
  }
  // Asks the processor to fetch what opening it will look at, but for the sealed value (`sealed.body()`).
  void prefetch() const noexcept;

  // What every opening looks at stands together.
  const Openable sealed;
  const std::size_t key_hash;

 private:
  Opening(const Place& place, KeyId its_key, const Sealed& value);

  enum class Found : std::uint8_t { no, being_noted, noted };
  mutable std::weak_ptr<OpenKey> known_;
  // Where the key was, for `prefetch` only: what stands there now is never looked at.
  mutable const void* key_place_ = nullptr;
  mutable const void* material_place_ = nullptr;
  mutable std::atomic<Found> found_ = Found::no;

 public:  // behind it, what is looked at seldom
  const TenantId tenant;
  const KeyId key;                // that it is sealed with
  const ConnectionId connection;  // for messages
  const std::string_view field;
};

// The right to seal once for a tenant, whatever the store does meanwhile.
class SealRight {
 public:
  SealRight() = default;
  explicit SealRight(std::shared_ptr<OpenKey> key) : key_{std::move(key)} {}
  [[nodiscard]] bool given() const noexcept { return key_ != nullptr; }

 private:
  friend class Vault;
  std::shared_ptr<OpenKey> key_;
};

class Vault {
 public:
  // `kek` wraps; `previous` can still unwrap what older KEKs wrapped. All outlive the vault.
  Vault(Store& store, KekSource& kek, std::vector<KekSource*> previous, Clock& clock, Random& random, const Log& log);
  ~Vault();
  Vault(const Vault&) = delete;
  Vault& operator=(const Vault&) = delete;

  // Loads the root keys (makes the first). Errors: key_unavailable if no KEK given opens them (which id is missing is said).
  Task<Result<>> start();

  // Makes the tenant's key at its first use.
  Task<Result<Sealed>> seal(Place place, const Secret& plain);
  // Takes a seal ahead of time, so that what comes in later can be sealed without the store. Errors as `seal`.
  Task<Result<SealRight>> take_seal(TenantId tenant);
  // Uses the right up, which must be given and of the place's tenant.
  [[nodiscard]] Result<Sealed> seal_now(const Place& place, const Secret& plain, SealRight right);
  // Errors: sealed_broken, key_unavailable.
  Task<Result<Secret>> open(Place place, Sealed sealed);
  // The reading path: nothing if the tenant's key is not in memory yet (then `open`).
  [[nodiscard]] std::optional<Result<Secret>> open_now(const Place& place, const Sealed& sealed) const;
  // As `open_now`, straight into a buffer that the caller wipes, of at least `plain_size(sealed)` bytes (crypto/aead.hpp).
  // Gives the number of bytes.
  [[nodiscard]] std::optional<Result<std::size_t>> open_into_now(const Place& place, const Sealed& sealed,
                                                                 std::span<char> out) const;
  // As that; the keys in use are kept ready.
  [[nodiscard]] std::optional<Result<std::size_t>> open_into_now(const Opening& opening, std::span<char> out) const;

  // Keyed blind index of a value (VLT-10), with a key of its own per tenant; hex.
  Task<Result<std::string>> blind_index(TenantId tenant, std::string purpose, std::string value);
  // Keyed fingerprint for the audit trail: 12 hex digits; the same token gives the same one in this installation.
  [[nodiscard]] std::string fingerprint(std::string_view token) const;

  // Online and resumable; calling it again continues: while a rotation is unfinished it makes no new key. A key that was
  // replaced an hour ago and is not in use any more is retired on the way; `retire` does it at once.
  Task<Result<RotationReport>> rewrap_root_keys();                  // after the KEK changed
  Task<Result<RotationReport>> rotate_root_key();                   // a new root key; re-wraps all tenant keys
  Task<Result<RotationReport>> rotate_tenant_key(TenantId tenant);  // a new tenant key; re-seals its records
  // In memory too. Errors: conflict with `unless_used`, as Store::shred_tenant_keys.
  Task<Result<std::int64_t>> shred_tenant(TenantId tenant, bool unless_used = false);
  Task<Result<>> retire(KeyId key);  // Errors: conflict while in use

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Places of a connection's values.
[[nodiscard]] Place place_of(const Connection& connection, std::string_view field, Generation generation);

}  // namespace evergrant
