// The root keys of the ring: opened by a KEK, wrapping tenant keys.
#include <algorithm>

#include "crypto/aead.hpp"
#include "store/key_ring.hpp"

namespace evergrant {

Task<Result<>> KeyRing::start() {
  const auto loaded = co_await load_roots();
  if (!loaded) co_return loaded;
  const auto key = co_await indexing_key(TenantId{});
  if (!key) co_return std::unexpected(key.error());
  const std::unique_lock lock{roots_mutex_};
  installation_ = *key;
  co_return Result<>{};
}

KeyHandle KeyRing::root(const KeyId& id) const {
  const std::shared_lock lock{roots_mutex_};
  const auto found = roots_.find(id);
  return found == roots_.end() ? nullptr : found->second;
}

Result<Secret> KeyRing::unwrap_root(const StoredKey& row) const {
  std::vector<KekSource*> sources = previous_;
  sources.insert(sources.begin(), &kek_);
  const auto source = std::ranges::find_if(sources, [&](const KekSource* kek) { return kek->id() == row.wrapped_by; });
  if (source == sources.end()) {
    return fail(Errc::key_unavailable,
                "The root key " + row.id.str() + " is wrapped by KEK " + row.wrapped_by + ", which is not configured (" +
                    kek_.id() + " is).",
                "Configure that KEK: as the current one, or as a previous one until the root keys are wrapped anew.");
  }
  auto plain = (*source)->unwrap(row.wrapped, row.id.str());
  if (plain && plain->size() == key_bytes) return plain;
  if (!plain && plain.error().code != Errc::sealed_broken) return plain;
  return fail(Errc::key_unavailable, "The root key " + row.id.str() + " does not open: its record was altered.",
              "Restore the database from a backup.");
}

// Reads and opens the root keys that are not open yet, and makes the first one of a new store.
Task<Result<>> KeyRing::load_roots() {
  for (int tries = 0; tries < 3; ++tries) {
    const auto rows = co_await store_.root_keys();
    if (!rows) co_return std::unexpected(rows.error());
    bool has_active = false;
    for (const StoredKey& row : *rows) {
      if (row.state == KeyState::retired) continue;
      KeyHandle key = root(row.id);
      if (!key) {
        const auto plain = unwrap_root(row);
        if (!plain) co_return std::unexpected(plain.error());
        key = std::make_shared<OpenKey>(row, *plain);
      }
      const std::unique_lock lock{roots_mutex_};
      roots_.emplace(row.id, key);
      if (row.state == KeyState::active) active_root_ = row.id;
      has_active = has_active || row.state == KeyState::active;
    }
    if (has_active) co_return Result<>{};
    const auto made = co_await make_root(false);
    if (!made && made.error().code != Errc::conflict) co_return made;
  }
  co_return fail(Errc::key_unavailable, "The store has no active root key and none could be made.", "Try again.");
}

Task<Result<>> KeyRing::make_root(bool replace) {
  StoredKey row;
  row.id = KeyId{random_.id("rk_")};
  row.created_at = clock_.now();
  row.wrapped_by = kek_.id();
  Secret plain = Secret::of_size(key_bytes);
  random_.fill(plain.bytes());
  auto wrapped = kek_.wrap(plain, row.id.str());
  if (!wrapped) co_return std::unexpected(wrapped.error());
  row.wrapped = std::move(*wrapped);
  auto storing = replace ? store_.replace_active_key(row) : store_.add_key(row);
  const auto stored = co_await std::move(storing);
  co_return stored;
}

Task<Result<>> KeyRing::replace_root_key() {
  const auto made = co_await make_root(true);
  if (!made) co_return made;
  const auto loaded = co_await load_roots();
  co_return loaded;
}

Task<Result<>> KeyRing::rewrap_root(StoredKey row) {
  const auto plain = unwrap_root(row);
  if (!plain) co_return std::unexpected(plain.error());
  auto wrapped = kek_.wrap(*plain, row.id.str());
  if (!wrapped) co_return std::unexpected(wrapped.error());
  const auto stored = co_await store_.rewrap_key(row.id, row.wrapped, std::move(*wrapped), kek_.id());
  co_return stored;
}

Task<Result<KeyHandle>> KeyRing::wrapping_root() {
  const KeyId id = [this] {
    const std::shared_lock lock{roots_mutex_};
    return active_root_;
  }();
  const KeyHandle key = root(id);
  if (!key) co_return fail(Errc::key_unavailable, "No root key is loaded.", "Start the vault first.");
  const auto taken = co_await take_seal(key);
  if (!taken) co_return std::unexpected(taken.error());
  if (!*taken) {
    co_return fail(Errc::key_unavailable, "The root key " + id.str() + " has wrapped as many keys as it may.",
                   "Rotate the root key.");
  }
  co_return key;
}

}  // namespace evergrant
