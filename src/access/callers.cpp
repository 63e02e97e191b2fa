#include <algorithm>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "access/access_control.hpp"
#include "access/policy_words.hpp"
#include "base/encoding.hpp"
#include "base/read_mostly_mutex.hpp"
#include "crypto/hash.hpp"

namespace evergrant {
namespace {

constexpr std::string_view key_mark = "egk_";
constexpr std::size_t key_length = 4 + 43;
constexpr std::size_t shown_prefix = 10;
constexpr std::size_t longest_name = 100;
constexpr std::size_t most_cached = 10'000;

Error unauthenticated() {
  return {Errc::unauthenticated, "no valid API key",
          "send 'Authorization: Bearer <API key>'; create a key with: evergrant callers create"};
}

// The API key in an Authorization header; empty if it is none of ours.
std::string_view key_in(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  const auto said = authorization.substr(0, scheme.size());
  if (said != "Bearer " && !equal_ignoring_case(said, scheme)) return {};
  const auto key = trim(authorization.substr(scheme.size()));
  return key.size() == key_length && key.starts_with(key_mark) ? key : std::string_view{};
}

bool is_usable(const Caller& caller, Time now) {
  return !caller.revoked_at && (!caller.expires_at || *caller.expires_at > now);
}

bool is_or_derives_from(const Caller& caller, const CallerId& id) {
  return caller.id == id || std::ranges::find(caller.ancestors, id, &Ancestor::id) != caller.ancestors.end();
}

}  // namespace

Result<> check_caller(const std::string& name, const Policy& policy) {
  if (name.empty() || name.size() > longest_name || printable(name, longest_name) != name) {
    return fail(Errc::invalid_argument, "'name' must have 1 to 100 printable characters");
  }
  return check_policy(policy);
}

NewCaller make_caller(Random& random, Time now, std::string name, Policy policy, std::optional<Duration> lifetime) {
  const Secret random_part = random.token();
  Secret key = Secret::take(std::string{key_mark} + std::string{random_part.reveal()});
  Caller caller{.id = CallerId{random.id("cal_")},
                .name = std::move(name),
                .policy = std::move(policy),
                .key_hash = hex_encode(sha256(key.reveal())),
                .key_prefix = std::string{key.reveal().substr(0, shown_prefix)},
                .expires_at = lifetime ? std::optional{now + *lifetime} : std::nullopt,
                .revoked_at = std::nullopt,
                .last_used_at = std::nullopt,
                .created_at = now};
  return {std::move(caller), std::move(key)};
}

struct Callers::Impl {
  struct Cached {
    std::shared_ptr<const Caller> caller;
    Time fetched_at;
  };
  Store& store;
  const Clock& clock;
  Random& random;
  Duration cache_ttl;
  struct HashOfDigest {  // its first bytes are as good as any
    std::size_t operator()(const Digest& digest) const noexcept {
      std::size_t hash = 0;
      std::memcpy(&hash, digest.data(), sizeof hash);
      return hash;
    }
  };
  mutable ReadMostlyMutex mutex;  // held for map operations only
  std::unordered_map<Digest, Cached, HashOfDigest> by_digest;
  std::uint64_t revocations = 0;  // under `mutex`: what was read before the latest one is not kept

  std::uint64_t revocations_so_far() const {
    const std::shared_lock lock{mutex.nearest()};
    return revocations;
  }

  void remember(const Digest& digest, const Caller& caller, std::uint64_t as_of) {
    std::unordered_map<Digest, Cached, HashOfDigest> dropped;  // destroyed outside the lock
    const std::lock_guard lock{mutex};
    if (revocations != as_of) return;
    if (by_digest.size() >= most_cached) by_digest.swap(dropped);
    by_digest.insert_or_assign(digest, Cached{std::make_shared<const Caller>(caller), clock.now()});
  }

  void forget(const CallerId& id) {
    std::vector<std::shared_ptr<const Caller>> dropped;  // destroyed outside the lock
    const std::lock_guard lock{mutex};
    ++revocations;
    dropped.reserve(by_digest.size());  // so that nothing throws between two that are to go
    std::erase_if(by_digest, [&](const auto& entry) {
      const bool goes = is_or_derives_from(*entry.second.caller, id);
      if (goes) dropped.push_back(entry.second.caller);
      return goes;
    });
  }

  std::shared_ptr<const Caller> cached(const Digest& digest, Time now) const {
    const std::shared_lock lock{mutex.nearest()};
    const auto found = by_digest.find(digest);
    if (found == by_digest.end()) return nullptr;
    const auto age = now - found->second.fetched_at;
    if (age > cache_ttl || age < Duration{0}) return nullptr;  // also after the clock was set back
    if (!is_usable(*found->second.caller, now)) return nullptr;
    return found->second.caller;
  }
};

Callers::Callers(Store& store, const Clock& clock, Random& random, Duration cache_ttl)
    : impl_{std::make_unique<Impl>(store, clock, random, cache_ttl)} {}
Callers::~Callers() = default;

Task<Result<NewCaller>> Callers::create(std::string name, Policy policy, std::optional<Duration> lifetime) {
  if (auto checked = check_caller(name, policy); !checked) co_return std::unexpected(checked.error());
  auto made = make_caller(impl_->random, impl_->clock.now(), std::move(name), std::move(policy), lifetime);
  auto stored = co_await impl_->store.create_caller(made.caller);
  if (!stored) co_return std::unexpected(stored.error());
  co_return made;
}

Task<Result<>> Callers::revoke(CallerId id) {
  auto revoked = co_await impl_->store.revoke_caller(id, impl_->clock.now());
  impl_->forget(id);
  co_return revoked;
}

std::optional<std::shared_ptr<const Caller>> Callers::authenticate_now(std::string_view authorization, Time now) const {
  const auto key = key_in(authorization);
  if (key.empty()) return std::nullopt;
  auto caller = impl_->cached(sha256_digest(key), now);
  if (!caller) return std::nullopt;
  return caller;
}

Task<Result<std::shared_ptr<const Caller>>> Callers::authenticate(std::optional<std::string> authorization) {
  const auto key = authorization ? key_in(*authorization) : std::string_view{};
  if (key.empty()) co_return std::unexpected(unauthenticated());
  const Digest digest = sha256_digest(key);
  if (auto cached = impl_->cached(digest, impl_->clock.now())) co_return cached;
  const auto as_of = impl_->revocations_so_far();
  auto caller = co_await impl_->store.caller_by_key_hash(hex_encode({digest.data(), digest.size()}));
  if (!caller && caller.error().code == Errc::not_found) co_return std::unexpected(unauthenticated());
  if (!caller) co_return std::unexpected(caller.error());
  if (!is_usable(*caller, impl_->clock.now())) co_return std::unexpected(unauthenticated());
  impl_->remember(digest, *caller, as_of);
  co_return std::make_shared<const Caller>(std::move(*caller));
}

}  // namespace evergrant
