#include "store/key_ring.hpp"

#include <algorithm>
#include <utility>

#include "crypto/aead.hpp"

namespace evergrant {

namespace {

// How long the active key of a tenant is believed before the store is asked again: another process may have rotated it.
constexpr Duration recheck_after = std::chrono::seconds{60};

std::string wrapping_context(const StoredKey& row) {
  const std::string_view kind = row.purpose == KeyPurpose::sealing ? "tenant-key" : "index-key";
  return bind_fields({kind, row.tenant.str(), row.id.str()});
}

std::string_view prefix_of(KeyPurpose purpose) { return purpose == KeyPurpose::sealing ? "tk_" : "ik_"; }

Secret random_key(Random& random) {
  Secret key = Secret::of_size(key_bytes);
  random.fill(key.bytes());
  return key;
}

bool decrement_if_positive(std::atomic<std::int64_t>& count) {
  auto left = count.load();
  while (left > 0) {
    if (count.compare_exchange_weak(left, left - 1)) return true;
  }
  return false;
}

}  // namespace

KeyRing::KeyRing(Store& store, KekSource& kek, std::vector<KekSource*> previous, Clock& clock, Random& random,
                 const Log& log)
    : store_{store}, kek_{kek}, previous_{std::move(previous)}, clock_{clock}, random_{random}, log_{log} {}

KeyRing::Shard& KeyRing::shard_of(const std::string& name) const {
  return shards_[std::hash<std::string>{}(name) % shard_count];
}

KeyHandle KeyRing::cached(const KeyId& id) const {
  const Shard& shard = shard_of(id.str());
  const std::shared_lock lock{shard.mutex};
  const KeyHandle* found = shard.keys.find(id);
  return found == nullptr ? nullptr : *found;
}

KeyHandle KeyRing::installation_key() const {
  const std::shared_lock lock{roots_mutex_};
  return installation_;
}

std::optional<KeyRing::TenantKeys> KeyRing::fresh(const TenantId& tenant) const {
  const Shard& shard = shard_of(tenant.str());
  const std::shared_lock lock{shard.mutex};
  const TenantKeys* found = shard.tenants.find(tenant);
  if (found == nullptr || clock_.now() - found->checked_at > recheck_after) return std::nullopt;
  return *found;
}

void KeyRing::remember(const KeyHandle& key, std::uint64_t epoch) {
  Shard& shard = shard_of(key->id.str());
  const std::unique_lock lock{shard.mutex};
  if (forgotten_.load() == epoch) shard.keys.put(key->id, key, keys_kept / shard_count);
}

void KeyRing::remember(const TenantId& tenant, const TenantKeys& keys, std::uint64_t epoch) {
  Shard& shard = shard_of(tenant.str());
  const std::unique_lock lock{shard.mutex};
  if (forgotten_.load() == epoch) shard.tenants.put(tenant, keys, keys_kept / shard_count);
}

void KeyRing::forget(const KeyId& id) {
  forgotten_.fetch_add(1);
  {
    Shard& shard = shard_of(id.str());
    const std::unique_lock lock{shard.mutex};
    if (const KeyHandle* key = shard.keys.find(id)) (*key)->forgotten = true;
    shard.keys.erase(id);
  }
  hot_keys_.forget(id);
  const std::unique_lock lock{roots_mutex_};
  roots_.erase(id);
}

void KeyRing::forget_tenant(const TenantId& tenant) {
  forgotten_.fetch_add(1);
  {
    Shard& shard = shard_of(tenant.str());
    const std::unique_lock lock{shard.mutex};
    shard.tenants.erase(tenant);
  }
  for (Shard& shard : shards_) {
    const std::unique_lock lock{shard.mutex};
    shard.keys.erase_if([&](const KeyHandle& key) {
      if (key->tenant != tenant) return false;
      key->forgotten = true;
      return true;
    });
  }
  hot_keys_.forget_tenant(tenant);
}

Task<Result<KeyHandle>> KeyRing::unwrap_tenant_key(StoredKey row) {
  const KeyId root_id{row.wrapped_by};
  if (!root(root_id)) {  // made by another process since
    const auto loaded = co_await load_roots();
    if (!loaded) co_return std::unexpected(loaded.error());
  }
  const KeyHandle wrapping = root(root_id);
  if (!wrapping) {
    co_return fail(Errc::key_unavailable,
                   "The root key " + row.wrapped_by + " that wraps " + row.id.str() + " is not there.",
                   "Restore the database from a backup that has it.");
  }
  auto plain = open(wrapping->material, wrapping_context(row), Sealed{row.wrapped});
  if (!plain || plain->size() != key_bytes) {
    log_.error("key_unreadable", {{"key", row.id.str()}, {"root_key", row.wrapped_by}});
    co_return fail(Errc::key_unavailable,
                   "The key " + row.id.str() + " of this tenant does not open: its record was altered.",
                   "Restore the database from a backup.");
  }
  co_return std::make_shared<OpenKey>(row, *plain);
}

// One broken key is reported and leaves the others alone (VLT-12).
Task<Result<KeyRing::Loaded>> KeyRing::load_tenant(TenantId tenant) {
  const auto epoch = forgotten_.load();
  auto rows = co_await store_.tenant_keys(tenant);
  if (!rows) co_return std::unexpected(rows.error());
  Loaded loaded{.active = {nullptr, nullptr, clock_.now()}, .all = {}};
  TenantKeys& keys = loaded.active;
  std::optional<Error> broken;
  for (StoredKey& row : *rows) {
    if (row.state == KeyState::retired) continue;
    const bool active = row.state == KeyState::active;
    const KeyPurpose purpose = row.purpose;
    const KeyId id = row.id;
    KeyHandle key = cached(id);
    if (!key) {
      auto opened = co_await unwrap_tenant_key(std::move(row));
      if (!opened) {
        if (active) broken = opened.error();
        loaded.all.emplace(id, std::unexpected(opened.error()));
        continue;
      }
      key = std::move(*opened);
      remember(key, epoch);
    }
    loaded.all.emplace(id, key);
    if (active) (purpose == KeyPurpose::sealing ? keys.sealing : keys.indexing) = key;
  }
  if (broken && (!keys.sealing || !keys.indexing)) log_.warning("tenant_key_broken", {{"tenant", tenant.str()}});
  if (!broken) remember(tenant, keys, epoch);
  co_return loaded;
}

Task<Result<KeyHandle>> KeyRing::opening_key(TenantId tenant, KeyId id) {
  const Error none{Errc::sealed_broken, "A sealed value does not open: its tenant has no such key.",
                   "It was moved or altered, or its tenant was off-boarded."};
  if (KeyHandle key = cached(id)) {
    if (key->tenant == tenant) co_return key;
    co_return std::unexpected(none);
  }
  // That it is not among the cached ones afterwards says nothing: any key that was forgotten meanwhile keeps it out of
  // there.
  for (int tries = 0; tries < 3; ++tries) {
    const auto epoch = forgotten_.load();
    auto loaded = co_await load_tenant(tenant);
    if (!loaded) co_return std::unexpected(loaded.error());
    const auto found = loaded->all.find(id);
    if (found == loaded->all.end()) co_return std::unexpected(none);
    if (!found->second) co_return std::unexpected(found->second.error());
    if (forgotten_.load() == epoch) co_return found->second;
  }
  co_return fail(Errc::key_unavailable, "The keys of tenant " + tenant.str() + " keep changing.", "Try again.");
}

Task<Result<KeyHandle>> KeyRing::make_key(TenantId tenant, KeyPurpose purpose, bool replace) {
  const auto epoch = forgotten_.load();
  auto wrapping = co_await wrapping_root();
  if (!wrapping) co_return std::unexpected(wrapping.error());
  StoredKey row;
  row.id = KeyId{random_.id(prefix_of(purpose))};
  row.tenant = tenant;
  row.purpose = purpose;
  row.created_at = clock_.now();
  row.wrapped_by = (*wrapping)->id.str();
  const Secret plain = random_key(random_);
  auto wrapped = seal((*wrapping)->id, (*wrapping)->material, wrapping_context(row), plain.reveal(), random_);
  if (!wrapped) co_return std::unexpected(wrapped.error());
  row.wrapped = std::move(wrapped->bytes);
  const auto key = std::make_shared<OpenKey>(row, plain);
  auto storing = replace ? store_.replace_active_key(row) : store_.add_key(row);
  const auto stored = co_await std::move(storing);
  if (!stored) co_return std::unexpected(stored.error());
  remember(key, epoch);
  co_return key;
}

Task<Result<KeyHandle>> KeyRing::active_key(TenantId tenant, KeyPurpose purpose) {
  const auto of = [purpose](const TenantKeys& keys) {
    return purpose == KeyPurpose::sealing ? keys.sealing : keys.indexing;
  };
  if (const auto known = fresh(tenant); known && of(*known)) co_return of(*known);
  for (int tries = 0; tries < 3; ++tries) {
    const auto loaded = co_await load_tenant(tenant);
    if (!loaded) co_return std::unexpected(loaded.error());
    if (of(loaded->active)) co_return of(loaded->active);
    const auto made = co_await make_key(tenant, purpose, false);
    if (made || (made.error().code != Errc::conflict && made.error().code != Errc::key_unavailable)) co_return made;
    if (made.error().code == Errc::key_unavailable) {  // the root key was rotated and retired by another process
      const auto roots = co_await load_roots();
      if (!roots) co_return std::unexpected(roots.error());
    }
  }
  co_return fail(Errc::key_unavailable, "The key of tenant " + tenant.str() + " cannot be opened or made.",
                 "The log says which of its keys does not open: key_unreadable.");
}

Task<Result<bool>> KeyRing::take_seal(KeyHandle key) {
  while (!decrement_if_positive(key->seals_left)) {
    const auto total = co_await store_.reserve_seals(key->id, seal_step);
    if (!total) co_return std::unexpected(total.error());
    if (*total > seal_limit) co_return false;
    key->seals_left.fetch_add(seal_step);
  }
  co_return true;
}

Task<Result<KeyHandle>> KeyRing::sealing_key(TenantId tenant) {
  for (int tries = 0; tries < 3; ++tries) {
    auto key = co_await active_key(tenant, KeyPurpose::sealing);
    if (!key) co_return key;
    const auto taken = co_await take_seal(*key);
    if (taken && *taken) co_return key;
    if (!taken && taken.error().code != Errc::not_found) co_return std::unexpected(taken.error());
    if (!taken) {  // shredded or retired by another process
      forget_tenant(tenant);
      continue;
    }
    log_.info("tenant_key_worn", {{"tenant", tenant.str()}, {"key", (*key)->id.str()}});
    const auto replaced = co_await replace_tenant_key(tenant);
    if (!replaced) co_return replaced;
  }
  co_return fail(Errc::key_unavailable, "The key of tenant " + tenant.str() + " keeps changing.", "Try again.");
}

Task<Result<KeyHandle>> KeyRing::indexing_key(TenantId tenant) {
  return active_key(std::move(tenant), KeyPurpose::indexing);
}

Task<Result<KeyHandle>> KeyRing::replace_tenant_key(TenantId tenant) {
  auto key = co_await make_key(tenant, KeyPurpose::sealing, true);
  if (!key) co_return key;
  const auto loaded = co_await load_tenant(tenant);  // this process seals with it from now on
  if (!loaded) co_return std::unexpected(loaded.error());
  co_return key;
}

Task<Result<>> KeyRing::rewrap_tenant_key(StoredKey row) {
  const std::string old_wrapped = row.wrapped;
  const std::string context = wrapping_context(row);
  const KeyId id = row.id;
  auto key = co_await unwrap_tenant_key(std::move(row));
  if (!key) co_return std::unexpected(key.error());
  auto wrapping = co_await wrapping_root();
  if (!wrapping) co_return std::unexpected(wrapping.error());
  const auto plain = (*key)->material.reveal_bytes();
  const std::string_view bytes{reinterpret_cast<const char*>(plain.data()), plain.size()};  // NOLINT: bytes as text
  auto wrapped = seal((*wrapping)->id, (*wrapping)->material, context, bytes, random_);
  if (!wrapped) co_return std::unexpected(wrapped.error());
  const auto stored = co_await store_.rewrap_key(id, old_wrapped, std::move(wrapped->bytes), (*wrapping)->id.str());
  co_return stored;
}

}  // namespace evergrant
