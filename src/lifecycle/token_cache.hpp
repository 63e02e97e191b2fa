// Sealed access tokens in memory, for the reading path. Sharded and bounded; the least recently read go first (CLOCK).
//
// Thread-safe; a shard's lock is held for a lookup or a store, never across I/O or decryption.
// Only active connections are kept. An entry is replaced only by the same or a newer generation, and never by a row that was
// read before the connection was forgotten: who reads a row to keep it takes a `Ticket` first.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "model/connection.hpp"
#include "model/registration.hpp"
#include "store/vault.hpp"

namespace evergrant {

// One connection's sealed token set as it was in the store; immutable but for the marks.
struct CachedToken {
  CachedToken(Connection row, const Registration& registration, Time loaded_at);

  const Connection connection;  // without its refresh token's and extras' bytes where they are not needed for decisions
  const Registration& registration;
  const Place place;  // of the access token, built once
  const std::optional<Duration> lifetime;
  const Time loaded_at;
  // Epoch ms before which readers ask the engine for nothing more about this entry.
  mutable std::atomic<std::int64_t> quiet_until{0};
  mutable std::atomic<std::int64_t> used_at{0};  // epoch ms, as last noted in the cache
  mutable std::atomic<bool> rechecking = false;  // the row is being read again
};
using CachedTokenPtr = std::shared_ptr<const CachedToken>;

class TokenCache {
 public:
  struct Ticket {
    std::size_t shard = 0;
    std::uint64_t forgotten = 0;
  };

  explicit TokenCache(std::size_t entries);
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  [[nodiscard]] CachedTokenPtr find(const ConnectionId& id) const;
  // The row of one token pair; `pair` empty: the main one.
  [[nodiscard]] std::optional<ConnectionId> find_realm(const RegistrationId& registration, const RealmId& realm,
                                                       const std::string& pair = {}) const;
  [[nodiscard]] Ticket ticket(const ConnectionId& id) const;
  // False if the entry was not taken: not active, older than what is there, or forgotten since the ticket.
  bool put(const CachedTokenPtr& entry, Ticket ticket);
  void forget(const ConnectionId& id);

  // A caller was given this connection's token.
  void mark_used(const ConnectionId& id, Time at);
  // What was used since the last call.
  [[nodiscard]] std::vector<std::pair<ConnectionId, Time>> take_used();
  [[nodiscard]] std::optional<Time> used_at(const ConnectionId& id) const;

 private:
  static constexpr std::size_t shard_count = 64;

  struct Slot {
    CachedTokenPtr entry;
    mutable bool recently_read = false;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<ConnectionId, std::size_t> index;
    std::vector<Slot> slots;
    std::vector<std::size_t> free;
    std::size_t hand = 0;
    std::uint64_t forgotten = 0;
    std::unordered_map<ConnectionId, Time> used;
  };
  struct RealmShard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, ConnectionId> ids;
  };

  [[nodiscard]] static std::size_t shard_of(const ConnectionId& id);
  [[nodiscard]] RealmShard& realm_shard(const std::string& key) const;
  [[nodiscard]] std::size_t free_slot(Shard& shard, std::vector<CachedTokenPtr>& evicted) const;
  void index_realm(const CachedToken& entry);
  void unindex_realm(const CachedToken& entry);

  std::size_t entries_per_shard_;
  mutable std::array<Shard, shard_count> shards_;
  mutable std::array<RealmShard, shard_count> realms_;
};

}  // namespace evergrant
