// What every Store is held to: the fixture and the values that the contract's tests share.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "store/sqlite_store.hpp"
#include "store/store.hpp"
#include "support/virtual_time.hpp"

namespace evergrant::test {

using namespace std::chrono_literals;

// A folder of its own, gone when the test ends.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "evergrant-store-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline Time at(std::int64_t seconds) { return from_epoch_ms(1'767'225'600'000 + seconds * 1000); }

inline Connection some_connection(const std::string& id, const std::string& realm, const std::string& tenant = "acme") {
  Connection c;
  c.id = ConnectionId{id};
  c.registration = RegistrationId{"books"};
  c.tenant = TenantId{tenant};
  c.realm = RealmId{realm};
  c.tokens = {Sealed{std::string{"access\0token", 12}}, Sealed{"refresh"}, Sealed{"extras"}};
  c.scope = {"accounting", "offline"};
  c.access_expires_at = at(3600);
  c.next_due_at = at(3000);
  c.created_at = at(0);
  c.updated_at = at(0);
  return c;
}

inline TokenUpdate some_update(const std::string& mark = "2") {
  TokenUpdate u;
  u.tokens = {Sealed{"access" + mark}, Sealed{"refresh" + mark}, Sealed{"extras" + mark}};
  u.token_type = "Bearer";
  u.scope = {"accounting"};
  u.missing_scope = {"offline"};
  u.extras = {{"instance_url", "https://example.com/\"x\""}};
  u.access_expires_at = at(7200);
  u.refresh_idle_expires_at = at(86400);
  u.refresh_absolute_expires_at = at(864000);
  u.next_due_at = at(6600);
  u.at = at(3100);
  return u;
}

inline Event some_event(const std::string& type, const Connection& connection) {
  Event e;
  e.at = at(10);
  e.type = type;
  e.connection = connection.id;
  e.registration = connection.registration;
  e.tenant = connection.tenant;
  e.realm = connection.realm;
  e.generation = connection.generation;
  return e;
}

inline Attempt some_attempt(const std::string& id, const Connection& connection) {
  Attempt a;
  a.id = AttemptId{id};
  a.connection = connection.id;
  a.registration = connection.registration;
  a.generation = connection.generation;
  a.sent_at = at(3000);
  return a;
}

inline ConnectSession some_session(const std::string& id, const std::string& tenant = "acme") {
  ConnectSession s;
  s.id = SessionId{id};
  s.token_hash = "token-" + id;
  s.registration = RegistrationId{"books"};
  s.tenant = TenantId{tenant};
  s.return_to = "https://app.example/back";
  s.login_hint = "someone";
  s.scope = {"accounting"};
  s.caller = CallerId{"cal_1"};
  s.created_at = at(0);
  s.expires_at = at(600);
  return s;
}

enum class Kind : std::uint8_t { file_with_threads, memory_inline };
inline std::string name_of(const ::testing::TestParamInfo<Kind>& info) {
  return info.param == Kind::file_with_threads ? "file_with_threads" : "memory_inline";
}

class StoreContract : public ::testing::TestWithParam<Kind> {
 protected:
  StoreContract() {
    SqliteOptions options;
    options.inline_execution = GetParam() == Kind::memory_inline;
    options.path = options.inline_execution ? ":memory:" : folder.file("store.db");
    store = std::move(*open_sqlite_store(options, *log));
  }

  template <class T>
  Result<T> get(Task<Result<T>> task) {
    return run(executor, std::move(task));
  }
  template <class T>
  Errc code_of(Task<Result<T>> task) {
    const auto result = get(std::move(task));
    if (result) throw std::logic_error("it succeeded where an error was expected");
    if (result.error().message.empty() || result.error().hint.empty())
      throw std::logic_error("the error does not say what to do");
    return result.error().code;
  }
  template <class T>
  void ok(Task<Result<T>> task) {
    const auto result = get(std::move(task));
    ASSERT_TRUE(result) << result.error().message;
  }

  Connection created(const std::string& id = "con_1", const std::string& realm = "realm-1") {
    const auto connection = some_connection(id, realm);
    ok(store->create(connection, some_event("connected", connection)));
    return connection;
  }
  Connection read(const std::string& id = "con_1") { return get(store->connection(ConnectionId{id})).value(); }
  Claim claimed(const std::string& id = "con_1", const std::string& owner = "node-a", std::optional<Attempt> attempt = {}) {
    return get(store->claim(ConnectionId{id}, read(id).generation, owner, at(3000), at(3060), std::move(attempt))).value();
  }
  std::vector<std::string> event_types() {
    std::vector<std::string> types;
    for (const auto& event : get(store->events({}, {}, {}, 100)).value().items) types.push_back(event.type);
    return types;
  }

  TemporaryFolder folder;
  VirtualClock clock;
  VirtualExecutor executor{clock};
  std::unique_ptr<Log> log = Log::silent();
  std::unique_ptr<Store> store;
};

}  // namespace evergrant::test
