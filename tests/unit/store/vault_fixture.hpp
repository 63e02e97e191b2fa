// A vault on a store in memory, and ways to tamper with what it sealed.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>

#include "base/encoding.hpp"
#include "contract/store/store_contract.hpp"
#include "crypto/aead.hpp"
#include "store/vault.hpp"
#include "testing/faulty_store.hpp"

namespace evergrant::test {

inline std::unique_ptr<KekSource> some_kek(char fill, Random& random) {
  return std::move(*make_local_kek(Secret{hex_encode(std::string(32, fill))}, random));
}

class VaultTest : public ::testing::Test {
 protected:
  VaultTest() { start(*vault); }

  void start(Vault& which) {
    const auto started = run(executor, which.start());
    ASSERT_TRUE(started) << started.error().message;
  }
  std::unique_ptr<Vault> another_vault(KekSource& with, std::vector<KekSource*> previous = {}) {
    return std::make_unique<Vault>(store, with, std::move(previous), clock, random, *log);
  }
  template <class T>
  Result<T> get(Task<Result<T>> task) {
    return run(executor, std::move(task));
  }

  static Place some_place(const std::string& tenant = "acme", const std::string& connection = "con_1") {
    return Place{TenantId{tenant}, RegistrationId{"books"}, RealmId{"realm"}, ConnectionId{connection}, "access_token", 1};
  }
  Sealed sealed(const Place& place, const std::string& plain = "canary-token") {
    const Secret secret{plain};
    return get(vault->seal(place, secret)).value();
  }
  // The text, or the name of the error.
  std::string opened(Vault& with, const Place& place, const Sealed& value) {
    const auto plain = get(with.open(place, value));
    return plain ? std::string{plain->reveal()} : std::string{to_string(plain.error().code)};
  }
  std::string opened(const Place& place, const Sealed& value) { return opened(*vault, place, value); }

  // A connection whose three values are sealed where they stand.
  Connection stored(const std::string& id, const std::string& tenant = "acme") {
    auto c = some_connection(id, "realm-" + id, tenant);
    const auto at = [&](std::string_view field) { return sealed(place_of(c, field, 1), std::string{field} + " of " + id); };
    c.tokens = {at("access_token"), at("refresh_token"), at("extras")};
    const auto created = get(store.create(c, {}));
    if (!created) throw std::logic_error(created.error().message);
    return c;
  }
  Connection read(const std::string& id) { return get(store.connection(ConnectionId{id})).value(); }
  std::string access_token(Vault& with, const std::string& id) {
    const auto c = read(id);
    return opened(with, place_of(c, "access_token", c.generation), c.tokens.access_token);
  }
  std::vector<StoredKey> tenant_keys(const std::string& tenant, KeyPurpose purpose = KeyPurpose::sealing) {
    auto keys = get(store.tenant_keys(TenantId{tenant})).value();
    std::erase_if(keys, [&](const StoredKey& key) { return key.purpose != purpose; });
    return keys;
  }
  std::vector<StoredKey> root_keys() { return get(store.root_keys()).value(); }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  SystemRandom random;
  std::unique_ptr<Log> log = Log::silent();
  std::unique_ptr<Store> sqlite = std::move(*open_sqlite_store({.path = ":memory:", .inline_execution = true}, *log));
  FaultyStore store{*sqlite};
  std::unique_ptr<KekSource> kek = some_kek('a', random);
  std::unique_ptr<Vault> vault = another_vault(*kek);
};

}  // namespace evergrant::test
