#include "store/vault.hpp"

#include "base/encoding.hpp"
#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "model/token_mark.hpp"
#include "store/key_ring.hpp"
#include "store/sealing.hpp"
#include "store/vault_rotation.hpp"

namespace evergrant {

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order in which they need each other; there is one
struct Vault::Impl {
  Impl(Store& store_used, KekSource& kek, std::vector<KekSource*> previous, Clock& clock, Random& random_used,
       const Log& log)
      : store{store_used},
        random{random_used},
        ring{store, kek, std::move(previous), clock, random, log},
        rotation{store, ring, clock, random, log} {}
  // Made once: every use of a token asks for it. Null: the installation's key is not in memory.
  std::shared_ptr<const Secret> fingerprint_key();

  Store& store;
  Random& random;
  KeyRing ring;
  VaultRotation rotation;
  std::mutex mutex;  // of what follows
  std::weak_ptr<OpenKey> fingerprints_from;
  std::shared_ptr<const Secret> for_fingerprints;
};

namespace {

// A key of its own for this purpose.
Secret key_for(const OpenKey& key, std::string_view purpose) {
  const auto bytes = key.material.reveal_bytes();
  const Secret base{std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()}};  // NOLINT: bytes as text
  return hkdf_sha256(base, purpose, key_bytes);
}

}  // namespace

std::shared_ptr<const Secret> Vault::Impl::fingerprint_key() {
  const KeyHandle key = ring.installation_key();
  if (!key) return nullptr;
  const std::lock_guard lock{mutex};
  if (fingerprints_from.lock() != key) {
    for_fingerprints = std::make_shared<const Secret>(key_for(*key, "fingerprint"));
    fingerprints_from = key;
  }
  return for_fingerprints;
}

Opening::Opening(const Place& place, const Sealed& value) : Opening{place, key_of(value).value_or(KeyId{}), value} {}

Opening::Opening(const Place& place, KeyId its_key, const Sealed& value)
    : sealed{associated_data(place, its_key), value},
      key_hash{std::hash<KeyId>{}(its_key)},
      tenant{place.tenant},
      key{std::move(its_key)},
      connection{place.connection},
      field{place.field} {}

void Opening::note_key(const std::shared_ptr<OpenKey>& key_found) const noexcept {
  Found expected = Found::no;
  if (!found_.compare_exchange_strong(expected, Found::being_noted)) return;
  known_ = key_found;
  key_place_ = key_found.get();
  material_place_ = key_found->material.reveal_bytes().data();
  found_.store(Found::noted, std::memory_order_release);
}

void Opening::prefetch() const noexcept {
  sealed.prefetch_bound();
  if (found_.load(std::memory_order_acquire) != Found::noted) return;
  __builtin_prefetch(key_place_);
  __builtin_prefetch(static_cast<const char*>(key_place_) + 64);  // it is two lines long
  __builtin_prefetch(material_place_);
}

Place place_of(const Connection& connection, std::string_view field, Generation generation) {
  return Place{connection.tenant, connection.registration, connection.realm, connection.id, field, generation};
}

Vault::Vault(Store& store, KekSource& kek, std::vector<KekSource*> previous, Clock& clock, Random& random, const Log& log)
    : impl_{std::make_unique<Impl>(store, kek, std::move(previous), clock, random, log)} {}

Vault::~Vault() = default;

Task<Result<>> Vault::start() { return impl_->ring.start(); }

Task<Result<Sealed>> Vault::seal(Place place, const Secret& plain) {
  const auto key = co_await impl_->ring.sealing_key(place.tenant);
  if (!key) co_return std::unexpected(key.error());
  co_return seal_at(place, **key, plain.reveal(), impl_->random);
}

Task<Result<SealRight>> Vault::take_seal(TenantId tenant) {
  auto key = co_await impl_->ring.sealing_key(std::move(tenant));
  if (!key) co_return std::unexpected(key.error());
  co_return SealRight{std::move(*key)};
}

Result<Sealed> Vault::seal_now(const Place& place, const Secret& plain, SealRight right) {
  const KeyHandle key = std::move(right.key_);
  if (!key || key->tenant != place.tenant) return fail(Errc::internal, "the right to seal is not for this tenant");
  return seal_at(place, *key, plain.reveal(), impl_->random);
}

Task<Result<Secret>> Vault::open(Place place, Sealed sealed) {
  const auto id = key_of(sealed);
  if (!id) co_return std::unexpected(sealed_broken_at(place));
  const auto key = co_await impl_->ring.opening_key(place.tenant, *id);
  if (!key && key.error().code == Errc::sealed_broken) co_return std::unexpected(sealed_broken_at(place));
  if (!key) co_return std::unexpected(key.error());
  co_return open_at(place, **key, sealed);
}

std::optional<Result<Secret>> Vault::open_now(const Place& place, const Sealed& sealed) const {
  const auto id = key_of(sealed);
  if (!id) return std::unexpected(sealed_broken_at(place));
  const KeyHandle key = impl_->ring.cached(*id);
  if (!key) return std::nullopt;
  return open_at(place, *key, sealed);
}

std::optional<Result<std::size_t>> Vault::open_into_now(const Place& place, const Sealed& sealed,
                                                        std::span<char> out) const {
  const auto id = key_of(sealed);
  if (!id) return std::unexpected(sealed_broken_at(place));
  const KeyHandle key = impl_->ring.cached(*id);
  if (!key) return std::nullopt;
  return open_at(place, *key, sealed, out);
}

std::optional<Result<std::size_t>> Vault::open_into_now(const Opening& opening, std::span<char> out) const {
  if (opening.sealed.empty()) return std::unexpected(sealed_broken_at(opening.connection, opening.field));
  auto opened = impl_->ring.hot_keys().open(opening, out);
  if (opened && !*opened) return std::unexpected(sealed_broken_at(opening.connection, opening.field));
  return opened;
}

Task<Result<std::string>> Vault::blind_index(TenantId tenant, std::string purpose, std::string value) {
  const auto key = co_await impl_->ring.indexing_key(std::move(tenant));
  if (!key) co_return std::unexpected(key.error());
  co_return hex_encode(hmac_sha256(key_for(**key, "blind-index:" + purpose), value));
}

std::string Vault::fingerprint(std::string_view token) const {
  const auto key = impl_->fingerprint_key();
  if (!key) return {};
  return hex_encode(hmac_sha256(*key, token)).substr(0, TokenMark::digits);
}

Task<Result<RotationReport>> Vault::rewrap_root_keys() { return impl_->rotation.rewrap_root_keys(); }
Task<Result<RotationReport>> Vault::rotate_root_key() { return impl_->rotation.rotate_root_key(); }
Task<Result<RotationReport>> Vault::rotate_tenant_key(TenantId tenant) {
  return impl_->rotation.rotate_tenant_key(std::move(tenant));
}

Task<Result<std::int64_t>> Vault::shred_tenant(TenantId tenant, bool unless_used) {
  impl_->ring.forget_tenant(tenant);
  const auto erased = co_await impl_->store.shred_tenant_keys(tenant, unless_used);
  impl_->ring.forget_tenant(tenant);  // what was loaded in between
  co_return erased;
}

Task<Result<>> Vault::retire(KeyId key) {
  const auto retired = co_await impl_->store.retire_key(key);
  if (retired) impl_->ring.forget(key);
  co_return retired;
}

}  // namespace evergrant
