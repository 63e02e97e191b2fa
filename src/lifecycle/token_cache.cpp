#include "lifecycle/token_cache.hpp"

#include <algorithm>

#include "lifecycle/refresh_policy.hpp"

namespace evergrant {

namespace {

constexpr std::size_t line = 64;        // of the processor's cache
constexpr std::size_t most_lines = 64;  // of a sealed token that are fetched early

std::string realm_key(const RegistrationId& registration, const RealmId& realm, const std::string& pair) {
  return registration.str() + '\n' + pair + '\n' + realm.str();
}

Connection without_extras(Connection row) {
  row.tokens.extras = {};
  return row;
}

}  // namespace

CachedToken::CachedToken(Connection row, const Registration& its_registration, Time at)
    : connection{without_extras(std::move(row))},
      registration{its_registration},
      lifetime{lifetime_of(connection)},
      served_until{evergrant::served_until(connection, registration.provider, lifetime)},
      loaded_at{at},
      opening{place_of(connection, "access_token", connection.generation), connection.tokens.access_token} {
  if (const auto gate = not_before(connection)) quiet_until.store(to_epoch_ms(*gate), std::memory_order_relaxed);
}

void CachedToken::prefetch() const noexcept {
  const auto* const front = reinterpret_cast<const char*>(&served_until);  // NOLINT: as bytes
  for (std::size_t i = 0; i < 3; ++i) __builtin_prefetch(front + i * line);
  __builtin_prefetch(&connection.main);
  __builtin_prefetch(&connection.access_expires_at);
}

TokenCache::Item::Item(CachedTokenPtr its_entry, std::size_t its_slot)
    : entry{std::move(its_entry)},
      sealed{entry->opening.sealed.body().data()},
      slot{static_cast<std::uint32_t>(its_slot)},
      id_size{static_cast<std::uint32_t>(entry->connection.id.str().size())},
      sealed_lines{static_cast<std::uint16_t>(std::min(most_lines, entry->opening.sealed.body().size() / line + 1))} {
  entry->connection.id.str().copy(near_id.data(), near_id.size());
}

void TokenCache::Item::prefetch() const noexcept {
  entry->prefetch();
  for (std::size_t i = 0; i < sealed_lines; ++i) __builtin_prefetch(sealed + i * line);
}

TokenCache::TokenCache(std::size_t entries) : entries_per_shard_{std::max<std::size_t>(1, entries / shard_count)} {}

TokenCache::RealmShard& TokenCache::realm_shard(const std::string& key) const {
  return realms_[std::hash<std::string>{}(key) % shard_count];
}

CachedTokenPtr TokenCache::find(const ConnectionId& id) const {
  CachedTokenPtr found;
  visit(id.str(), [&](const CachedTokenPtr& entry) {
    note_read(*entry);
    found = entry;
  });
  return found;
}

std::optional<ConnectionId> TokenCache::find_realm(const RegistrationId& registration, const RealmId& realm,
                                                   const std::string& pair) const {
  const std::string key = realm_key(registration, realm, pair);
  const RealmShard& shard = realm_shard(key);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.ids.find(key);
  if (found == shard.ids.end()) return std::nullopt;
  return found->second;
}

TokenCache::Ticket TokenCache::ticket(const ConnectionId& id) const {
  const std::size_t number = shard_of(hash_of(id.str()));
  return {number, shards_[number].forgotten.load()};
}

CachedTokenPtr TokenCache::remove(Shard& shard, const CachedToken& entry) {
  const auto found = shard.index.find(Wanted{hash_of(entry.connection.id.str()), entry.connection.id.str()});
  CachedTokenPtr gone = found->entry;
  shard.slots[found->slot] = nullptr;
  shard.index.erase(found);
  return gone;
}

// The CLOCK: a slot that was read since the hand last passed gets a second chance.
std::size_t TokenCache::free_slot(Shard& shard, std::vector<CachedTokenPtr>& evicted) const {
  if (!shard.free.empty()) {
    const std::size_t slot = shard.free.back();
    shard.free.pop_back();
    return slot;
  }
  if (shard.slots.size() < entries_per_shard_) {
    shard.slots.push_back(nullptr);
    return shard.slots.size() - 1;
  }
  while (shard.slots[shard.hand]->recently_read.exchange(false)) shard.hand = (shard.hand + 1) % shard.slots.size();
  const std::size_t slot = shard.hand;
  shard.hand = (shard.hand + 1) % shard.slots.size();
  evicted.push_back(remove(shard, *shard.slots[slot]));
  return slot;
}

bool TokenCache::put(const CachedTokenPtr& entry, Ticket ticket) {
  if (entry->connection.status != Status::active) return false;
  const std::size_t hash = hash_of(entry->connection.id.str());
  std::vector<CachedTokenPtr> evicted;  // freed outside the lock
  {
    Shard& shard = shards_[ticket.shard];
    const std::lock_guard lock{shard.mutex};
    if (shard.forgotten != ticket.forgotten) return false;
    const auto found = shard.index.find(Wanted{hash, entry->connection.id.str()});
    std::size_t slot = 0;
    if (found != shard.index.end()) {
      if (found->entry->connection.generation > entry->connection.generation) return false;
      slot = found->slot;
      entry->recently_read = found->entry->recently_read.load();
      evicted.push_back(remove(shard, *found->entry));
    } else {
      slot = free_slot(shard, evicted);  // not marked as read: a sweep over all drives out nobody in use
    }
    shard.slots[slot] = entry.get();
    shard.index.insert(Item{entry, slot});
  }
  for (const auto& old : evicted) {
    if (old->connection.id != entry->connection.id) unindex_realm(*old);
  }
  index_realm(*entry);
  return true;
}

void TokenCache::forget(const ConnectionId& id) {
  const std::size_t hash = hash_of(id.str());
  CachedTokenPtr gone;
  {
    Shard& shard = shards_[shard_of(hash)];
    const std::lock_guard lock{shard.mutex};
    ++shard.forgotten;
    const auto found = shard.index.find(Wanted{hash, id.str()});
    if (found == shard.index.end()) return;
    shard.free.push_back(found->slot);
    gone = remove(shard, *found->entry);
  }
  unindex_realm(*gone);
}

void TokenCache::index_realm(const CachedToken& entry) {
  const std::string key = realm_key(entry.connection.registration, entry.connection.realm, entry.connection.pair);
  RealmShard& shard = realm_shard(key);
  const std::lock_guard lock{shard.mutex};
  shard.ids[key] = entry.connection.id;
}

void TokenCache::unindex_realm(const CachedToken& entry) {
  const std::string key = realm_key(entry.connection.registration, entry.connection.realm, entry.connection.pair);
  RealmShard& shard = realm_shard(key);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.ids.find(key);
  if (found != shard.ids.end() && found->second == entry.connection.id) shard.ids.erase(found);
}

void TokenCache::mark_used(const ConnectionId& id, Time at) {
  Shard& shard = shards_[shard_of(hash_of(id.str()))];
  const std::lock_guard lock{shard.used_mutex};
  Time& last = shard.used[id];
  last = std::max(last, at);
}

std::vector<std::pair<ConnectionId, Time>> TokenCache::take_used() {
  std::vector<std::pair<ConnectionId, Time>> all;
  for (Shard& shard : shards_) {
    std::unordered_map<ConnectionId, Time> used;
    {
      const std::lock_guard lock{shard.used_mutex};
      used.swap(shard.used);
    }
    all.insert(all.end(), used.begin(), used.end());
  }
  return all;
}

std::optional<Time> TokenCache::used_at(const ConnectionId& id) const {
  Shard& shard = shards_[shard_of(hash_of(id.str()))];
  const std::lock_guard lock{shard.used_mutex};
  const auto found = shard.used.find(id);
  if (found == shard.used.end()) return std::nullopt;
  return found->second;
}

}  // namespace evergrant
