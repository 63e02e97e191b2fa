// Sealed access tokens in memory, for the reading path. Sharded and bounded; the least recently read go first (CLOCK).
//
// Thread-safe. A shard's lock is held for a lookup, what a reader does with the entry, or a store; never across I/O. Readers
// on different processors share nothing that they write (base/read_mostly_mutex.hpp).
// Only active connections are kept. An entry is replaced only by the same or a newer generation, and never by a row that was
// read before the connection was forgotten: who reads a row to keep it takes a `Ticket` first.
#pragma once

#include <array>
#include <atomic>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/once_text.hpp"
#include "base/read_mostly_mutex.hpp"
#include "model/connection.hpp"
#include "model/registration.hpp"
#include "store/vault.hpp"

namespace evergrant {

// One connection's sealed token set as it was in the store; immutable but for the marks, and for what is made once.
struct CachedToken {
  CachedToken(Connection row, const Registration& registration, Time loaded_at);
  CachedToken(const CachedToken&) = delete;
  CachedToken& operator=(const CachedToken&) = delete;
  ~CachedToken() = default;
  // Of a hundred thousand few are at hand: what a reader looks at is fetched all at once.
  void prefetch() const noexcept;

  const Connection connection;  // without its refresh token's and extras' bytes where they are not needed for decisions
  const Registration& registration;
  const std::optional<Duration> lifetime;
  // What every read looks at stands together, in three lines of the processor's cache.
  const Time served_until;  // without a second thought (refresh_policy.hpp)
  const Time loaded_at;
  // Epoch ms before which readers ask the engine for nothing more about this entry.
  mutable std::atomic<std::int64_t> quiet_until{0};
  mutable std::atomic<std::int64_t> recheck_quiet_until{0};  // the same for reading the row again
  mutable std::atomic<std::int64_t> used_at{0};              // epoch ms, as last noted in the cache
  mutable std::atomic<std::uint64_t> mark{0};                // of the token, packed, once it was looked at
  const OnceText caption;                                    // what a taker says of it at every read
  mutable std::atomic<bool> recently_read = false;
  const Opening opening;  // of the access token, made once
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
  // Calls `read(const CachedTokenPtr&)` if the connection is there; false: it is not. The entry stays while it is read: who
  // forgets it waits, so `read` is short and does not come back here. Locks that it takes under this one: those of callers,
  // of keys that are ready, of the audit's stripes.
  template <class Read>
  bool visit(std::string_view id, Read&& read) const {
    const std::size_t hash = hash_of(id);
    Shard& shard = shards_[shard_of(hash)];
    const std::shared_lock lock{shard.mutex.nearest()};
    const auto found = shard.index.find(Wanted{hash, id});
    if (found == shard.index.end()) return false;
    found->prefetch();
    std::forward<Read>(read)(found->entry);
    return true;
  }
  // It was of use: others go before it.
  static void note_read(const CachedToken& entry) noexcept {
    if (!entry.recently_read.load(std::memory_order_relaxed)) entry.recently_read.store(true, std::memory_order_relaxed);
  }
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

  struct Wanted {
    std::size_t hash;
    std::string_view id;
  };
  // One line of the processor's cache: with the beginning of its id, which is mostly the whole of it, so that an item is
  // known without a look at its entry, and with the place of the sealed token, so that both are fetched at once.
  struct alignas(64) Item {
    Item(CachedTokenPtr its_entry, std::size_t its_slot);
    [[nodiscard]] std::string_view id() const noexcept {
      return id_size > near_id.size() ? std::string_view{entry->connection.id.str()}
                                      : std::string_view{near_id.data(), id_size};
    }
    [[nodiscard]] bool is(std::string_view wanted) const noexcept { return id_size == wanted.size() && id() == wanted; }
    void prefetch() const noexcept;

    CachedTokenPtr entry;
    const char* sealed;
    std::uint32_t slot;  // its place in the order of going
    std::uint32_t id_size;
    std::uint16_t sealed_lines;  // of the processor's cache
    std::array<char, 30> near_id{};
  };
  static_assert(sizeof(Item) == 64);
  struct Hash {
    using is_transparent = void;
    using is_avalanching = void;  // NOLINT(readability-identifier-naming): as Boost calls it
    std::size_t operator()(const Item& item) const noexcept { return hash_of(item.id()); }
    std::size_t operator()(const Wanted& wanted) const noexcept { return wanted.hash; }
  };
  struct Same {
    using is_transparent = void;
    bool operator()(const Item& a, const Item& b) const noexcept { return b.is(a.id()); }
    bool operator()(const Wanted& a, const Item& b) const noexcept { return b.is(a.id); }
    bool operator()(const Item& a, const Wanted& b) const noexcept { return a.is(b.id); }
  };
  struct Shard {
    ReadMostlyMutex mutex;
    boost::unordered_flat_set<Item, Hash, Same> index;
    std::vector<const CachedToken*> slots;  // null: free
    std::vector<std::size_t> free;
    std::size_t hand = 0;
    std::atomic<std::uint64_t> forgotten = 0;
    std::mutex used_mutex;
    std::unordered_map<ConnectionId, Time> used;
  };
  struct RealmShard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, ConnectionId> ids;
  };

  [[nodiscard]] static std::size_t hash_of(std::string_view id) noexcept { return std::hash<std::string_view>{}(id); }
  // By bits in the middle: the index of a shard tells its items apart by the lowest, and places them by the highest.
  [[nodiscard]] static std::size_t shard_of(std::size_t hash) noexcept { return (hash >> 24U) % shard_count; }
  [[nodiscard]] RealmShard& realm_shard(const std::string& key) const;
  [[nodiscard]] std::size_t free_slot(Shard& shard, std::vector<CachedTokenPtr>& evicted) const;
  // Takes the entry out of the index and gives it.
  static CachedTokenPtr remove(Shard& shard, const CachedToken& entry);
  void index_realm(const CachedToken& entry);
  void unindex_realm(const CachedToken& entry);

  std::size_t entries_per_shard_;
  mutable std::array<Shard, shard_count> shards_;
  mutable std::array<RealmShard, shard_count> realms_;
};

}  // namespace evergrant
