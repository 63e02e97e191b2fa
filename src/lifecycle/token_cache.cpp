#include "lifecycle/token_cache.hpp"

#include <algorithm>

#include "lifecycle/refresh_policy.hpp"

namespace evergrant {

namespace {

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
      place{place_of(connection, "access_token", connection.generation)},
      lifetime{lifetime_of(connection)},
      loaded_at{at} {
  if (const auto gate = not_before(connection)) quiet_until.store(to_epoch_ms(*gate), std::memory_order_relaxed);
}

TokenCache::TokenCache(std::size_t entries) : entries_per_shard_{std::max<std::size_t>(1, entries / shard_count)} {}

std::size_t TokenCache::shard_of(const ConnectionId& id) { return std::hash<ConnectionId>{}(id) % shard_count; }

TokenCache::RealmShard& TokenCache::realm_shard(const std::string& key) const {
  return realms_[std::hash<std::string>{}(key) % shard_count];
}

CachedTokenPtr TokenCache::find(const ConnectionId& id) const {
  const Shard& shard = shards_[shard_of(id)];
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.index.find(id);
  if (found == shard.index.end()) return nullptr;
  const Slot& slot = shard.slots[found->second];
  slot.recently_read = true;
  return slot.entry;
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
  const std::size_t number = shard_of(id);
  const std::lock_guard lock{shards_[number].mutex};
  return {number, shards_[number].forgotten};
}

// The CLOCK: a slot that was read since the hand last passed gets a second chance.
std::size_t TokenCache::free_slot(Shard& shard, std::vector<CachedTokenPtr>& evicted) const {
  if (!shard.free.empty()) {
    const std::size_t slot = shard.free.back();
    shard.free.pop_back();
    return slot;
  }
  if (shard.slots.size() < entries_per_shard_) {
    shard.slots.emplace_back();
    return shard.slots.size() - 1;
  }
  while (shard.slots[shard.hand].recently_read) {
    shard.slots[shard.hand].recently_read = false;
    shard.hand = (shard.hand + 1) % shard.slots.size();
  }
  const std::size_t slot = shard.hand;
  shard.hand = (shard.hand + 1) % shard.slots.size();
  shard.index.erase(shard.slots[slot].entry->connection.id);
  evicted.push_back(std::move(shard.slots[slot].entry));
  return slot;
}

bool TokenCache::put(const CachedTokenPtr& entry, Ticket ticket) {
  if (entry->connection.status != Status::active) return false;
  std::vector<CachedTokenPtr> evicted;  // freed outside the lock
  {
    Shard& shard = shards_[ticket.shard];
    const std::lock_guard lock{shard.mutex};
    if (shard.forgotten != ticket.forgotten) return false;
    const auto found = shard.index.find(entry->connection.id);
    if (found != shard.index.end()) {
      Slot& slot = shard.slots[found->second];
      if (slot.entry->connection.generation > entry->connection.generation) return false;
      evicted.push_back(std::exchange(slot.entry, entry));
    } else {
      const std::size_t slot = free_slot(shard, evicted);
      shard.slots[slot] = {entry, false};  // earns its stay by being read: a sweep over all drives out nobody in use
      shard.index.emplace(entry->connection.id, slot);
    }
  }
  for (const auto& old : evicted) {
    if (old->connection.id != entry->connection.id) unindex_realm(*old);
  }
  index_realm(*entry);
  return true;
}

void TokenCache::forget(const ConnectionId& id) {
  CachedTokenPtr gone;
  {
    Shard& shard = shards_[shard_of(id)];
    const std::lock_guard lock{shard.mutex};
    ++shard.forgotten;
    const auto found = shard.index.find(id);
    if (found == shard.index.end()) return;
    gone = std::move(shard.slots[found->second].entry);
    shard.slots[found->second].recently_read = false;
    shard.free.push_back(found->second);
    shard.index.erase(found);
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
  Shard& shard = shards_[shard_of(id)];
  const std::lock_guard lock{shard.mutex};
  Time& last = shard.used[id];
  last = std::max(last, at);
}

std::vector<std::pair<ConnectionId, Time>> TokenCache::take_used() {
  std::vector<std::pair<ConnectionId, Time>> all;
  for (Shard& shard : shards_) {
    std::unordered_map<ConnectionId, Time> used;
    {
      const std::lock_guard lock{shard.mutex};
      used.swap(shard.used);
    }
    all.insert(all.end(), used.begin(), used.end());
  }
  return all;
}

std::optional<Time> TokenCache::used_at(const ConnectionId& id) const {
  const Shard& shard = shards_[shard_of(id)];
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.used.find(id);
  if (found == shard.used.end()) return std::nullopt;
  return found->second;
}

}  // namespace evergrant
