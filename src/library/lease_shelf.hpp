// Leases that were fetched from a server, by what they were asked for. Bounded. Thread-safe; no lock is held across I/O.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "evergrant/token_lease.hpp"

namespace evergrant::library {

class LeaseShelf {
 public:
  explicit LeaseShelf(std::size_t most) : most_{most} {}

  struct Wish {
    Time now;
    Duration least_left{0};  // of the token's life
    Duration most_age{0};    // since it was fetched
  };
  // A lease of its own.
  [[nodiscard]] std::optional<TokenLease> find(const std::string& key, const Wish& wish) const;
  // Not where a newer generation is there.
  void put(const std::string& key, const TokenLease& lease, Time now);
  void forget(const std::string& key);
  // Whatever it was asked for by: this token set and older ones of the connection's same pair.
  void forget_refused(const TokenLease& refused);

 private:
  struct Kept {
    TokenLease lease;
    Time fetched_at;
  };
  void make_room(Time now);

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Kept> kept_;
};

}  // namespace evergrant::library
