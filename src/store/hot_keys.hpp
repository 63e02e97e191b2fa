// Tenant keys ready to open with, for the reading path: a few for each processor, so that threads on different processors
// share nothing that is written. Private to store/. Thread-safe; what was forgotten is used by nobody afterwards, and wiped.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "crypto/aead.hpp"
#include "store/vault.hpp"

namespace evergrant {

class HotKeys {
 public:
  // `find` gives a key that is in memory, or null; called on any thread, also while others forget.
  explicit HotKeys(std::function<std::shared_ptr<OpenKey>(const KeyId&)> find);
  ~HotKeys();
  HotKeys(const HotKeys&) = delete;
  HotKeys& operator=(const HotKeys&) = delete;

  // As Vault::open_into_now. Nothing: the key is not in memory.
  [[nodiscard]] std::optional<Result<std::size_t>> open(const Opening& opening, std::span<char> out);
  // After it has gone from where `find` looks.
  void forget(const KeyId& id);
  void forget_tenant(const TenantId& tenant);

 private:
  static constexpr std::size_t sets = 16;
  static constexpr std::size_t kept_per_set = 8;
  struct Slot {
    std::shared_ptr<OpenKey> key;
    PreparedKey prepared;
    void clear() noexcept;
  };
  struct Kept {
    std::size_t hash = 0;  // of the key's id; beside the slot, so that others' slots are not looked at
    std::unique_ptr<Slot> slot;
  };
  struct alignas(64) Stripe {
    std::mutex mutex;
    std::array<Kept, sets * kept_per_set> kept;  // a key is in the set of its hash
    std::size_t next = 0;
  };
  // Under the stripe's lock. Null: the key is not in memory.
  [[nodiscard]] Slot* ready(Stripe& stripe, const Opening& opening);
  [[nodiscard]] std::shared_ptr<OpenKey> look_up(const Opening& opening) const;
  template <class Predicate>
  void forget_where(Predicate predicate);
  template <class Predicate>
  void clear_where(Predicate predicate);

  const std::function<std::shared_ptr<OpenKey>(const KeyId&)> find_;
  std::array<Stripe, 16> stripes_;
};

}  // namespace evergrant
