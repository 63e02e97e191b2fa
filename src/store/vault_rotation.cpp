#include "store/vault_rotation.hpp"

#include <algorithm>

#include "crypto/aead.hpp"

namespace evergrant {

namespace {

constexpr int batch = 100;
// Another process may go on sealing with a replaced key until it looks again (a minute), and store what it sealed later.
constexpr Duration retire_after = std::chrono::hours{1};

void add(RotationReport& to, const RotationReport& from) {
  to.rewrapped_root_keys += from.rewrapped_root_keys;
  to.rewrapped_tenant_keys += from.rewrapped_tenant_keys;
  to.resealed_records += from.resealed_records;
  to.retired_keys += from.retired_keys;
  to.unreadable_records += from.unreadable_records;
}

// Faults of one record, which must not stop the others (VLT-12).
bool concerns_one_record(Errc code) { return code == Errc::sealed_broken || code == Errc::key_unavailable; }

}  // namespace

Task<Result<RotationReport>> VaultRotation::rewrap_root_keys() {
  RotationReport report;
  auto rows = co_await store_.root_keys();
  if (!rows) co_return std::unexpected(rows.error());
  for (StoredKey& row : *rows) {
    if (row.state == KeyState::retired || ring_.is_wrapped_by_current_kek(row)) continue;
    const std::string id = row.id.str();
    const auto wrapped = co_await ring_.rewrap_root(std::move(row));
    if (wrapped) {
      ++report.rewrapped_root_keys;
    } else if (concerns_one_record(wrapped.error().code)) {
      ++report.unreadable_records;
      log_.error("root_key_unreadable", {{"key", id}, {"detail", wrapped.error().message}});
    } else if (wrapped.error().code != Errc::stale) {  // stale: another process was quicker
      co_return std::unexpected(wrapped.error());
    }
  }
  co_return report;
}

Task<Result<RotationReport>> VaultRotation::rotate_root_key() {
  auto report = co_await rewrap_tenant_keys();
  if (!report) co_return report;
  if (report->rewrapped_tenant_keys == 0) {  // no rotation was unfinished
    const auto replaced = co_await ring_.replace_root_key();
    if (!replaced) co_return std::unexpected(replaced.error());
    report = co_await rewrap_tenant_keys();
    if (!report) co_return report;
  }
  auto rows = co_await store_.root_keys();
  if (!rows) co_return std::unexpected(rows.error());
  const auto retired = co_await retire_unused(std::move(*rows));
  if (!retired) co_return std::unexpected(retired.error());
  report->retired_keys = *retired;
  co_return report;
}

Task<Result<RotationReport>> VaultRotation::rewrap_tenant_keys() {
  RotationReport report;
  const auto rows = co_await store_.root_keys();
  if (!rows) co_return std::unexpected(rows.error());
  for (const StoredKey& row : *rows) {
    if (row.state != KeyState::decrypt_only) continue;
    const auto part = co_await rewrap_under(row.id);
    if (!part) co_return part;
    add(report, *part);
  }
  co_return report;
}

Task<Result<RotationReport>> VaultRotation::rewrap_under(KeyId root) {
  RotationReport report;
  std::set<KeyId> unreadable;  // they stay where they are, and must not hide those behind them
  for (bool more = true; more;) {
    auto rows = co_await store_.tenant_keys_wrapped_by(root, batch + static_cast<int>(unreadable.size()));
    if (!rows) co_return std::unexpected(rows.error());
    more = false;
    for (StoredKey& row : *rows) {
      const KeyId id = row.id;
      if (unreadable.contains(id)) continue;
      more = true;
      const auto wrapped = co_await ring_.rewrap_tenant_key(std::move(row));
      if (wrapped) {
        ++report.rewrapped_tenant_keys;
      } else if (concerns_one_record(wrapped.error().code)) {
        unreadable.insert(id);
      } else if (wrapped.error().code != Errc::stale) {
        co_return std::unexpected(wrapped.error());
      }
    }
  }
  report.unreadable_records = static_cast<std::int64_t>(unreadable.size());
  co_return report;
}

Task<Result<RotationReport>> VaultRotation::rotate_tenant_key(TenantId tenant) {
  auto report = co_await reseal_tenant(tenant);
  if (!report) co_return report;
  if (report->resealed_records == 0) {  // no rotation was unfinished
    const auto replaced = co_await ring_.replace_tenant_key(tenant);
    if (!replaced) co_return std::unexpected(replaced.error());
    report = co_await reseal_tenant(tenant);
    if (!report) co_return report;
  }
  auto rows = co_await store_.tenant_keys(tenant);
  if (!rows) co_return std::unexpected(rows.error());
  std::erase_if(*rows, [](const StoredKey& row) { return row.purpose != KeyPurpose::sealing; });
  const auto retired = co_await retire_unused(std::move(*rows));
  if (!retired) co_return std::unexpected(retired.error());
  report->retired_keys = *retired;
  co_return report;
}

Task<Result<RotationReport>> VaultRotation::reseal_tenant(TenantId tenant) {
  RotationReport report;
  const auto rows = co_await store_.tenant_keys(tenant);
  if (!rows) co_return std::unexpected(rows.error());
  for (const StoredKey& row : *rows) {
    if (row.state != KeyState::decrypt_only || row.purpose != KeyPurpose::sealing) continue;
    const auto part = co_await reseal_under(tenant, row.id);
    if (!part) co_return part;
    add(report, *part);
  }
  co_return report;
}

// One pass in the order of ids. A record that changes meanwhile is read again; whoever changed it most likely used the new
// key.
Task<Result<RotationReport>> VaultRotation::reseal_under(TenantId tenant, KeyId key) {
  RotationReport report;
  ConnectionId after;
  for (;;) {
    auto places = co_await store_.sealed_by(tenant, key, batch, after);
    if (!places) co_return std::unexpected(places.error());
    if (places->empty()) co_return report;
    for (SealedPlace& place : *places) {
      const ConnectionId id = place.connection;
      const auto done = co_await reseal(tenant, std::move(place));
      if (done && !*done) break;  // read again from the one before
      if (done) {
        ++report.resealed_records;
      } else if (concerns_one_record(done.error().code)) {
        ++report.unreadable_records;
        log_.error("record_unreadable", {{"connection", id.str()}, {"tenant", tenant.str()}, {"key", key.str()}});
      } else {
        co_return std::unexpected(done.error());
      }
      after = id;
    }
  }
}

Task<Result<bool>> VaultRotation::reseal(TenantId tenant, SealedPlace place) {
  const auto at = [&](std::string_view field) {
    return Place{tenant, place.registration, place.realm, place.connection, field, place.generation};
  };
  auto access = co_await reseal_value(at("access_token"), place.tokens.access_token);
  if (!access) co_return std::unexpected(access.error());
  auto refresh = co_await reseal_value(at("refresh_token"), place.tokens.refresh_token);
  if (!refresh) co_return std::unexpected(refresh.error());
  auto extras = co_await reseal_value(at("extras"), place.tokens.extras);
  if (!extras) co_return std::unexpected(extras.error());
  SealedTokens tokens{std::move(*access), std::move(*refresh), std::move(*extras)};
  const auto stored = co_await store_.reseal(place.connection, place.generation, place.tokens, std::move(tokens));
  if (stored) co_return true;
  if (stored.error().code == Errc::stale) co_return false;
  co_return std::unexpected(stored.error());
}

Task<Result<Sealed>> VaultRotation::reseal_value(Place place, Sealed sealed) {
  if (sealed.empty()) co_return Sealed{};
  const auto id = key_of(sealed);
  if (!id) co_return std::unexpected(sealed_broken_at(place));
  const auto old_key = co_await ring_.opening_key(place.tenant, *id);
  if (!old_key) co_return std::unexpected(old_key.error());
  const auto plain = open_at(place, **old_key, sealed);
  if (!plain) co_return std::unexpected(plain.error());
  const auto key = co_await ring_.sealing_key(place.tenant);
  if (!key) co_return std::unexpected(key.error());
  co_return seal_at(place, **key, plain->reveal(), random_);
}

Task<Result<std::int64_t>> VaultRotation::retire_unused(std::vector<StoredKey> keys) {
  std::int64_t retired = 0;
  const Time now = clock_.now();
  for (const StoredKey& key : keys) {
    // A key was replaced when the next younger one was made.
    const bool replaced_long_ago = std::ranges::any_of(keys, [&](const StoredKey& other) {
      return other.created_at > key.created_at && other.created_at + retire_after <= now;
    });
    if (key.state != KeyState::decrypt_only || !replaced_long_ago) continue;
    const auto done = co_await store_.retire_key(key.id);
    if (done) {
      ++retired;
      ring_.forget(key.id);
    } else if (done.error().code != Errc::conflict) {
      co_return std::unexpected(done.error());
    }
  }
  co_return retired;
}

}  // namespace evergrant
