#include "store/hot_keys.hpp"

#include <algorithm>
#include <utility>

#include "base/read_mostly_mutex.hpp"
#include "store/key_ring.hpp"
#include "store/sealing.hpp"

namespace evergrant {

namespace {

// One face for every reason, as in sealing.cpp.
bool may_open(const OpenKey& key, const Opening& opening) {
  return key.tenant == opening.tenant && key.purpose == KeyPurpose::sealing;
}

Result<std::size_t> refused(const Opening& opening) {
  return std::unexpected(sealed_broken_at(opening.connection, opening.field));
}

}  // namespace

HotKeys::HotKeys(std::function<std::shared_ptr<OpenKey>(const KeyId&)> find) : find_{std::move(find)} {}
HotKeys::~HotKeys() = default;

void HotKeys::Slot::clear() noexcept {
  prepared.clear();
  key = nullptr;
}

std::shared_ptr<OpenKey> HotKeys::look_up(const Opening& opening) const {
  auto key = opening.known_key();
  if (key && !key->forgotten) return key;
  key = find_(opening.key);
  if (key && may_open(*key, opening)) opening.note_key(key);
  return key;
}

HotKeys::Slot* HotKeys::ready(Stripe& stripe, const Opening& opening) {
  const auto set = std::span{stripe.kept}.subspan(opening.key_hash % sets * kept_per_set, kept_per_set);
  for (const auto& [hash, slot] : set) {
    if (hash != opening.key_hash || !slot || !slot->key) continue;
    if (!opening.is_noted(slot->key) && slot->key->id != opening.key) continue;
    if (!slot->key->forgotten) return slot.get();
    slot->clear();
  }
  auto key = look_up(opening);
  if (!key) return nullptr;
  const auto free = std::ranges::find_if(set, [](const Kept& kept) { return !kept.slot || !kept.slot->key; });
  auto& [hash, slot] = free != set.end() ? *free : set[stripe.next++ % kept_per_set];
  if (!slot) slot = std::make_unique<Slot>();
  slot->prepared.set(key->material);
  slot->key = std::move(key);
  hash = opening.key_hash;
  return slot.get();
}

std::optional<Result<std::size_t>> HotKeys::open(const Opening& opening, std::span<char> out) {
  Stripe& stripe = stripes_.at(ReadMostlyMutex::nearest_stripe(stripes_.size()));
  if (const std::unique_lock lock{stripe.mutex, std::try_to_lock}; lock) {
    Slot* slot = ready(stripe, opening);
    if (slot == nullptr) return std::nullopt;
    if (!opening.is_noted(slot->key) && !may_open(*slot->key, opening)) return refused(opening);
    return slot->prepared.open_into(slot->key->material, opening.sealed, out);
  }
  const auto key = look_up(opening);  // another thread on this processor was interrupted while it opens
  if (!key) return std::nullopt;
  if (!may_open(*key, opening)) return refused(opening);
  return open_into(key->material, opening.sealed, out);
}

template <class Predicate>
void HotKeys::forget_where(Predicate predicate) {
  clear_where(predicate);
  clear_where(predicate);  // a stripe that was passed may have been given the key by one that was not: now no more
}

template <class Predicate>
void HotKeys::clear_where(Predicate predicate) {
  for (Stripe& stripe : stripes_) {
    const std::lock_guard lock{stripe.mutex};
    for (const auto& [hash, slot] : stripe.kept) {
      if (!slot || !slot->key || !predicate(*slot->key)) continue;
      slot->key->forgotten = true;  // another stripe may be given it from here meanwhile
      slot->clear();
    }
  }
}

void HotKeys::forget(const KeyId& id) {
  forget_where([&](const OpenKey& key) { return key.id == id; });
}

void HotKeys::forget_tenant(const TenantId& tenant) {
  forget_where([&](const OpenKey& key) { return key.tenant == tenant; });
}

}  // namespace evergrant
