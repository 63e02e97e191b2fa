// Wrapped keys: made once, rotated online, never retired while in use, shredded for good.
#include "store/sqlite_impl.hpp"
#include "store/sqlite_rows.hpp"

namespace evergrant {

namespace {

std::int64_t insert_key(Database& database, const StoredKey& key) {
  return database.execute(
      "INSERT INTO sealing_keys (id, tenant, purpose, wrapped, wrapped_by, state, seals, created_at) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      key.id, key.tenant, to_string(key.purpose), Sealed{key.wrapped}, key.wrapped_by, to_string(key.state), key.seals,
      key.created_at);
}

std::unexpected<Error> key_exists() {
  return fail(Errc::conflict, "There is an active key for this purpose already.", "Read the keys again and use it.");
}

std::unexpected<Error> no_such_key(const KeyId& id) {
  return fail(Errc::not_found, "There is no key " + id.str() + ".", "`evergrant keys list` shows them.");
}

std::optional<StoredKey> find_key(Database& database, const KeyId& id) {
  static const std::string sql = "SELECT " + std::string{key_columns} + " FROM sealing_keys WHERE id = ?";
  Statement rows = database.query(sql, id);
  if (!rows.step()) return std::nullopt;
  return read_key(rows);
}

bool exists(Statement rows) { return rows.step(); }

// Where the key is needed still; empty: nowhere.
std::string use_of(Database& database, const StoredKey& key) {
  if (exists(database.query("SELECT 1 FROM sealing_keys WHERE wrapped_by = ? AND state <> 'retired' LIMIT 1", key.id))) {
    return "other keys";
  }
  if (exists(database.query("SELECT 1 FROM connections WHERE tenant = ? AND (access_key = ? OR refresh_key = ? OR "
                            "extras_key = ?) LIMIT 1",
                            key.tenant, key.id, key.id, key.id))) {
    return "connections";
  }
  if (exists(
          database.query("SELECT 1 FROM outbox WHERE tenant = ? AND (access_key = ? OR refresh_key = ? OR extras_key = ?) "
                         "LIMIT 1",
                         key.tenant, key.id, key.id, key.id))) {
    return "revocations under way";
  }
  if (exists(database.query("SELECT 1 FROM attempts WHERE answer_key = ? LIMIT 1", key.id))) return "refreshes under way";
  if (exists(database.query("SELECT 1 FROM connect_sessions WHERE tenant = ? AND secrets_key = ? LIMIT 1", key.tenant,
                            key.id))) {
    return "connect sessions";
  }
  return {};
}

Result<> retire(Database& database, const KeyId& id) {
  const auto key = find_key(database, id);
  if (!key) return no_such_key(id);
  if (key->state == KeyState::retired) return {};
  if (key->state == KeyState::active) {
    return fail(Errc::conflict, "Key " + id.str() + " is the active one.", "Rotate it first.");
  }
  if (const auto use = use_of(database, *key); !use.empty()) {
    return fail(Errc::conflict, "Key " + id.str() + " is still in use by " + use + ".",
                "Rotate again, which moves what is left to the active key.");
  }
  database.execute("UPDATE sealing_keys SET state = 'retired', wrapped = ? WHERE id = ?", Sealed{}, id);
  database.want_checkpoint();
  return {};
}

bool is_root(const StoredKey& key) { return key.tenant.empty() && key.purpose == KeyPurpose::sealing; }

bool is_in_use(Database& database, const TenantId& tenant) {
  return exists(database.query("SELECT 1 FROM connections WHERE tenant = ? AND status <> 'revoked' LIMIT 1", tenant)) ||
         exists(database.query("SELECT 1 FROM outbox WHERE tenant = ? LIMIT 1", tenant)) ||
         // A kept answer may hold tokens that nobody has been told to revoke yet.
         exists(database.query("SELECT 1 FROM attempts WHERE answer_key IN (SELECT id FROM sealing_keys WHERE tenant = ?) "
                               "LIMIT 1",
                               tenant));
}

// A key under a root key that is gone could never be opened.
Result<> check_root(Database& database, const std::string& root) {
  const auto found = find_key(database, KeyId{root});
  if (found && is_root(*found) && found->state != KeyState::retired) return {};
  return fail(Errc::key_unavailable, "The root key " + root + " was retired meanwhile.", "Wrap with the active root key.");
}

SealedPlace read_place(const Statement& from) {
  Row row{from};
  SealedPlace place;
  row.into(place.connection);
  row.into(place.generation);
  row.into(place.tokens.access_token);
  row.into(place.tokens.refresh_token);
  row.into(place.tokens.extras);
  row.into(place.registration);
  row.into(place.realm);
  return place;
}

}  // namespace

Task<Result<std::vector<StoredKey>>> SqliteStore::root_keys() {
  return read<std::vector<StoredKey>>([](Database& database) -> Result<std::vector<StoredKey>> {
    static const std::string sql = "SELECT " + std::string{key_columns} +
                                   " FROM sealing_keys WHERE tenant = '' AND purpose = 'sealing' ORDER BY created_at, id";
    return read_all(database.query(sql), read_key);
  });
}

Task<Result<std::vector<StoredKey>>> SqliteStore::tenant_keys(TenantId tenant) {
  return read<std::vector<StoredKey>>([tenant = std::move(tenant)](Database& database) -> Result<std::vector<StoredKey>> {
    static const std::string sql = "SELECT " + std::string{key_columns} +
                                   " FROM sealing_keys WHERE tenant = ? AND NOT (tenant = '' AND purpose = 'sealing') "
                                   "ORDER BY created_at, id";
    return read_all(database.query(sql, tenant), read_key);
  });
}

Task<Result<std::vector<StoredKey>>> SqliteStore::tenant_keys_wrapped_by(KeyId root_key, int limit) {
  return read<std::vector<StoredKey>>(
      [root_key = std::move(root_key), limit](Database& database) -> Result<std::vector<StoredKey>> {
        static const std::string sql = "SELECT " + std::string{key_columns} +
                                       " FROM sealing_keys WHERE wrapped_by = ? AND state <> 'retired' AND NOT (tenant = '' "
                                       "AND purpose = 'sealing') ORDER BY id LIMIT ?";
        return read_all(database.query(sql, root_key, std::max(limit, 0)), read_key);
      });
}

Task<Result<>> SqliteStore::add_key(StoredKey key) {
  return write<>([key = std::move(key)](Database& database) -> Result<> {
    if (!is_root(key)) {
      if (auto root = check_root(database, key.wrapped_by); !root) return root;
    }
    if (insert_key(database, key) == 0) return key_exists();
    return {};
  });
}

Task<Result<>> SqliteStore::replace_active_key(StoredKey key) {
  return write<>([key = std::move(key)](Database& database) -> Result<> {
    if (!is_root(key)) {
      if (auto root = check_root(database, key.wrapped_by); !root) return root;
    }
    database.execute("UPDATE sealing_keys SET state = 'decrypt_only' WHERE tenant = ? AND purpose = ? AND state = 'active'",
                     key.tenant, to_string(key.purpose));
    if (insert_key(database, key) == 0) return key_exists();
    return {};
  });
}

Task<Result<>> SqliteStore::rewrap_key(KeyId id, std::string old_wrapped, std::string wrapped, std::string wrapped_by) {
  return write<>([id = std::move(id), old_wrapped = std::move(old_wrapped), wrapped = std::move(wrapped),
                  wrapped_by = std::move(wrapped_by)](Database& database) -> Result<> {
    const auto key = find_key(database, id);
    if (key && !is_root(*key)) {
      if (auto root = check_root(database, wrapped_by); !root) return root;
    }
    const auto changed = database.execute(
        "UPDATE sealing_keys SET wrapped = ?, wrapped_by = ? WHERE id = ? AND wrapped = ? AND state <> 'retired'",
        Sealed{wrapped}, wrapped_by, id, Sealed{old_wrapped});
    if (changed == 1) return {};
    return fail(Errc::stale, "Key " + id.str() + " was wrapped anew or retired meanwhile.", "Read it again.");
  });
}

Task<Result<std::int64_t>> SqliteStore::reserve_seals(KeyId id, std::int64_t count) {
  return write<std::int64_t>([id = std::move(id), count](Database& database) -> Result<std::int64_t> {
    Statement rows = database.query(
        "UPDATE sealing_keys SET seals = seals + ? WHERE id = ? AND state <> 'retired' RETURNING seals", count, id);
    if (!rows.step()) return no_such_key(id);
    return Row{rows}.next<std::int64_t>();
  });
}

Task<Result<>> SqliteStore::retire_key(KeyId id) {
  return write<>([id = std::move(id)](Database& database) { return retire(database, id); });
}

Task<Result<std::int64_t>> SqliteStore::shred_tenant_keys(TenantId tenant, bool unless_used) {
  return write<std::int64_t>([tenant = std::move(tenant), unless_used](Database& database) -> Result<std::int64_t> {
    if (tenant.empty()) {
      return fail(Errc::invalid_argument, "The keys of no tenant cannot be shredded.", "Name the tenant.");
    }
    if (unless_used && is_in_use(database, tenant)) {
      return fail(Errc::conflict, "The tenant has connections that are not revoked.", "Revoke them first.");
    }
    database.want_checkpoint();
    return database.execute("DELETE FROM sealing_keys WHERE tenant = ?", tenant);
  });
}

Task<Result<std::vector<SealedPlace>>> SqliteStore::sealed_by(TenantId tenant, KeyId key, int limit, ConnectionId after) {
  return read<std::vector<SealedPlace>>([tenant = std::move(tenant), key = std::move(key), limit,
                                         after = std::move(after)](Database& database) -> Result<std::vector<SealedPlace>> {
    Statement rows = database.query(
        "SELECT id, generation, access_token, refresh_token, sealed_extras, registration, realm FROM connections WHERE "
        "tenant = ? AND id > ? AND "
        "(access_key = ? OR refresh_key = ? OR extras_key = ?) ORDER BY id LIMIT ?",
        tenant, after, key, key, key, std::max(limit, 0));
    return read_all(std::move(rows), read_place);
  });
}

Task<Result<>> SqliteStore::reseal(ConnectionId id, Generation generation, SealedTokens expected, SealedTokens tokens) {
  return write<>([id = std::move(id), generation, expected = std::move(expected),
                  tokens = std::move(tokens)](Database& database) -> Result<> {
    if (auto keys = check_keys(database, tokens); !keys) return keys;
    const auto changed = database.execute(
        "UPDATE connections SET access_token = ?, refresh_token = ?, sealed_extras = ?, access_key = ?, refresh_key = ?, "
        "extras_key = ? WHERE id = ? AND generation = ? AND access_token = ? AND refresh_token = ? AND sealed_extras = ?",
        tokens.access_token, tokens.refresh_token, tokens.extras, key_name(tokens.access_token),
        key_name(tokens.refresh_token), key_name(tokens.extras), id, generation, expected.access_token,
        expected.refresh_token, expected.extras);
    if (changed == 1) return {};
    return fail(Errc::stale, "Connection " + id.str() + " has other tokens by now.", "Read it again.");
  });
}

}  // namespace evergrant
