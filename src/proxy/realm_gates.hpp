// How many calls one realm gets at once and within a minute, as its provider allows (USE-11): what would be too many is
// refused here, before anything is sent. Counts per process. Thread-safe; a lock is held for a look into a map only.
#pragma once

#include <array>
#include <deque>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "model/ids.hpp"

namespace evergrant {

struct RealmLimits {
  int at_once = 0;     // 0: no limit
  int per_minute = 0;  // 0: no limit; counted over any sixty seconds
};

enum class RealmLimit : std::uint8_t { at_once, per_minute };

struct RealmRefusal {
  RealmLimit limit = RealmLimit::at_once;
  Duration retry_after{0};
};

class RealmGates {
 public:
  // A call under way; it ends with the ticket.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(RealmGates& gates, std::string key) : gates_{&gates}, key_{std::move(key)} {}
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    Ticket(Ticket&& other) noexcept : gates_{std::exchange(other.gates_, nullptr)}, key_{std::move(other.key_)} {}
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { release(); }
    // The call is sent once more: that counts within the minute, too.
    void note_again(Time now);

   private:
    void release() noexcept;
    RealmGates* gates_ = nullptr;
    std::string key_;
  };

  RealmGates() = default;
  RealmGates(const RealmGates&) = delete;
  RealmGates& operator=(const RealmGates&) = delete;

  [[nodiscard]] std::expected<Ticket, RealmRefusal> enter(const RegistrationId& registration, const RealmId& realm,
                                                          const RealmLimits& limits, Time now);
  [[nodiscard]] std::size_t size() const;  // realms remembered

 private:
  static constexpr std::size_t shard_count = 16;
  struct Realm {
    int under_way = 0;
    std::deque<Time> sent;  // within the last minute, oldest first; only where there is a limit
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Realm> realms;
    std::size_t swept_at = 64;  // how many realms make it worth to look for those that are at rest
  };
  [[nodiscard]] Shard& shard_of(const std::string& key);
  static void forget_resting(Shard& shard, Time now);
  void leave(const std::string& key) noexcept;
  void note(const std::string& key, Time now);

  std::array<Shard, shard_count> shards_;
};

}  // namespace evergrant
