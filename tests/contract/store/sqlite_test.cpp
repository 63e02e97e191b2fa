// What the SQLite store promises beyond the contract: files, schema, group commit, several processes.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <future>
#include <latch>
#include <set>
#include <sstream>
#include <thread>

#include "base/encoding.hpp"
#include "base/random.hpp"
#include "contract/store/store_contract.hpp"
#include "crypto/kek.hpp"
#include "store/vault.hpp"

namespace evergrant::test {
namespace {

std::string contents(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

class SqliteFile : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Store>> open(SqliteOptions options = {}) {
    if (options.path.empty()) options.path = path;
    return open_sqlite_store(std::move(options), *log);
  }
  std::unique_ptr<Store> opened(SqliteOptions options = {}) {
    auto store = open(std::move(options));
    if (!store) throw std::runtime_error(store.error().message);
    return std::move(*store);
  }
  Error refusal(SqliteOptions options = {}) {
    auto store = open(std::move(options));
    if (store) throw std::logic_error("it opened where a refusal was expected");
    EXPECT_FALSE(store.error().hint.empty());
    EXPECT_NE(store.error().message.find(path), std::string::npos)
        << "the message names the file: " << store.error().message;
    return store.error();
  }
  // A look at the file from outside the store.
  void sql(const std::string& statements) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(database, statements.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_free(message);
    sqlite3_close(database);
  }
  template <class T>
  Result<T> get(Task<Result<T>> task) {
    return run(executor, std::move(task));
  }
  static unsigned mode(const std::string& file) {
    struct stat state{};
    return ::stat(file.c_str(), &state) == 0 ? state.st_mode & 0777U : 0U;
  }

  TemporaryFolder folder;
  std::string path = folder.file("store.db");
  VirtualClock clock;
  VirtualExecutor executor{clock};
  std::unique_ptr<Log> log = Log::silent();
};

TEST_F(SqliteFile, keeps_everything_over_a_restart) {
  const auto c = some_connection("con_1", "realm-1");
  ASSERT_TRUE(get(opened()->create(c, {})));
  EXPECT_EQ(get(opened()->connection(c.id)).value().tokens, c.tokens);
}

TEST_F(SqliteFile, and_its_log_are_for_the_owner_only) {
  const auto store = opened();
  ASSERT_TRUE(get(store->probe()));
  EXPECT_EQ(mode(path), 0600U);
  EXPECT_EQ(mode(path + "-wal"), 0600U);
  EXPECT_EQ(mode(path + "-shm"), 0600U);
}

TEST_F(SqliteFile, a_file_that_others_could_read_is_closed_to_them) {
  opened();
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  opened();
  EXPECT_EQ(mode(path), 0600U);
}

TEST_F(SqliteFile, a_newer_schema_is_refused_and_left_alone) {
  opened();
  sql("UPDATE meta SET value = '99' WHERE name = 'schema'");
  const auto error = refusal();
  EXPECT_EQ(error.code, Errc::invalid_argument);
  EXPECT_NE(error.message.find("99"), std::string::npos) << error.message;
  EXPECT_NE(error.hint.find("newer version"), std::string::npos) << error.hint;
}

TEST_F(SqliteFile, an_older_schema_is_left_alone_by_who_may_not_migrate) {
  opened();
  sql("UPDATE meta SET value = '0' WHERE name = 'schema'");
  const auto store = open_sqlite_store({.path = path, .migrate = false}, *log);
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message.find("older schema 0"), std::string::npos) << store.error().message;
}

TEST_F(SqliteFile, the_database_of_another_program_is_refused_and_left_alone) {
  sql("CREATE TABLE theirs (x)");
  EXPECT_NE(refusal().message.find("another program"), std::string::npos);
  sql("PRAGMA application_id = 7; INSERT INTO theirs VALUES (1)");
  EXPECT_EQ(refusal().code, Errc::invalid_argument);
}

TEST_F(SqliteFile, a_file_that_is_no_database_is_refused_and_left_alone) {
  std::ofstream{path} << std::string(5000, 'x');
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  auto store = open();
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::invalid_argument);
  EXPECT_NE(store.error().message.find("not a SQLite database"), std::string::npos) << store.error().message;
  EXPECT_EQ(contents(path), std::string(5000, 'x'));
}

TEST_F(SqliteFile, a_file_with_one_damaged_page_is_refused) {
  {
    const auto store = opened();
    for (int i = 0; i < 200; ++i) {
      const auto c = some_connection("con_" + std::to_string(i), "realm-" + std::to_string(i));
      ASSERT_TRUE(get(store->create(c, {})));
    }
  }
  const auto size = contents(path).size();
  {
    std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(static_cast<std::streamoff>(size - 4096));  // one page of data: nothing that opening the file reads by itself
    file << std::string(2000, '\xAB');
  }
  const auto error = refusal({.check = StoreCheck::whole});
  EXPECT_EQ(error.code, Errc::invalid_argument);
  EXPECT_NE(error.message.find("damaged"), std::string::npos) << error.message;
  EXPECT_NE(error.hint.find("backup"), std::string::npos) << error.hint;
}

TEST_F(SqliteFile, a_path_that_cannot_be_a_store_is_refused_with_the_way_out) {
  path = folder.file("no/such/folder/store.db");
  EXPECT_EQ(refusal().code, Errc::invalid_argument);
  path = folder.file("");
  EXPECT_NE(refusal().hint.find("file"), std::string::npos);
  path = folder.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(refusal().code, Errc::invalid_argument);
}

TEST_F(SqliteFile, a_store_in_memory_cannot_have_threads) {
  SqliteOptions options;
  options.path = path = ":memory:";
  auto store = open(options);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::invalid_argument);
}

TEST_F(SqliteFile, operations_that_wait_together_are_made_durable_together) {
  SqliteStatistics last;
  std::promise<void> held;
  std::shared_future<void> go{held.get_future()};
  SqliteOptions options;
  options.max_batch = 64;
  options.after_commit = [&](const SqliteStatistics& now) {
    if (now.transactions == 1) go.wait();  // the first commit holds the writer until all others queue
    last = now;
  };
  auto store = opened(options);
  constexpr int operations = 1 + 3 * 64;
  std::vector<Completion<bool>> done(operations);
  for (int i = 0; i < operations; ++i) {
    spawn(executor, [](Store& to, int number, Completion<bool> target) -> Task<void> {
      const auto c = some_connection("con_" + std::to_string(number), "realm-" + std::to_string(number));
      const auto created = co_await to.create(c, {});
      target.set(created.has_value());
    }(*store, i, done[static_cast<std::size_t>(i)]));  // ends with its operation
    executor.run_until_idle();
  }
  held.set_value();
  store.reset();  // what is queued is carried out first
  executor.run_until_idle();
  EXPECT_TRUE(std::ranges::all_of(done, [](const auto& one) { return one.is_set(); }));
  EXPECT_EQ(last.operations, operations);
  EXPECT_LE(last.transactions, 5) << "the first alone, then batches of 64 (one may be split by the race to the first)";
  EXPECT_EQ(get(opened()->stats(at(0))).value().by_status.at(0).second, operations);
}

TEST_F(SqliteFile, one_failing_operation_of_a_batch_undoes_itself_only) {
  std::promise<void> held;
  std::shared_future<void> go{held.get_future()};
  SqliteStatistics last;
  SqliteOptions options;
  options.after_commit = [&](const SqliteStatistics& now) {
    if (now.transactions == 1) go.wait();
    last = now;
  };
  auto store = opened(options);
  std::vector<Result<>> results;
  const auto submit = [&](Connection c) {
    spawn(executor, [](Store& to, Connection connection, std::vector<Result<>>& into) -> Task<void> {
      auto created = co_await to.create(connection, some_event("connected", connection));
      into.push_back(std::move(created));
    }(*store, std::move(c), results));  // ends with its operation
    executor.run_until_idle();
  };
  submit(some_connection("con_0", "realm-0"));
  for (const auto& [id, realm] : {std::pair{"con_1", "realm-1"}, {"con_2", "realm-1"}, {"con_3", "realm-3"}}) {
    submit(some_connection(id, realm));
  }
  held.set_value();
  store.reset();
  executor.run_until_idle();
  ASSERT_EQ(results.size(), 4U);
  EXPECT_TRUE(results[1]);
  EXPECT_EQ(results[2].error().code, Errc::conflict);
  EXPECT_TRUE(results[3]);
  EXPECT_LE(last.transactions, 3);
  store = opened();
  EXPECT_EQ(get(store->events({}, {}, {}, 10)).value().items.size(), 3U);
  EXPECT_FALSE(get(store->connection(ConnectionId{"con_2"})));
}

TEST_F(SqliteFile, readers_go_on_while_the_writer_is_held) {
  auto store = opened({.path = path, .busy_timeout_ms = 60000});
  const auto c = some_connection("con_1", "realm-1");
  ASSERT_TRUE(get(store->create(c, {})));
  sqlite3* other = nullptr;  // another process in the middle of a write
  ASSERT_EQ(sqlite3_open(path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE; UPDATE connections SET tenant = 'x'", nullptr, nullptr, nullptr),
            SQLITE_OK);
  bool written = false;
  spawn(executor, [](Store& to, bool& done) -> Task<void> {
    const auto result = co_await to.probe();
    done = result.has_value();
  }(*store, written));  // ends once the other process lets go
  executor.run_until_idle();
  EXPECT_EQ(get(store->connection(c.id)).value().tenant, c.tenant)
      << "a reader neither waits nor sees what is not committed";
  EXPECT_FALSE(written);
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  while (!written) {
    ASSERT_TRUE(executor.wait_for_work());
    executor.run_until_idle();
  }
}

TEST_F(SqliteFile, a_file_held_by_another_process_for_too_long_says_so_and_changes_nothing) {
  auto store = opened({.path = path, .busy_timeout_ms = 20});
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto result = get(store->create(some_connection("con_1", "realm-1"), {}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::store_unavailable);
  EXPECT_NE(result.error().message.find("another process"), std::string::npos) << result.error().message;
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  EXPECT_FALSE(get(store->connection(ConnectionId{"con_1"})));
  EXPECT_TRUE(get(store->create(some_connection("con_1", "realm-1"), {}))) << "and it recovers by itself";
}

// The kernel refuses to let the files grow, as a full disk does.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::size_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    old_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit before_{};
  void (*old_handler_)(int) = nullptr;
};

TEST_F(SqliteFile, a_disk_that_is_full_refuses_without_losing_anything) {
  auto store = opened();
  auto c = some_connection("con_1", "realm-1");
  ASSERT_TRUE(get(store->create(c, {})));
  auto big = some_connection("con_2", "realm-2");
  big.tokens.access_token.bytes.assign(1 << 20, 'x');
  {
    const FileSizeLimit limit{contents(path + "-wal").size() + 100'000};
    const auto result = get(store->create(big, {}));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::store_unavailable) << result.error().message;
    EXPECT_EQ(get(store->connection(c.id)).value().tokens, c.tokens);
  }
  EXPECT_FALSE(get(store->connection(big.id)));
  EXPECT_TRUE(get(store->create(big, {}))) << "and it recovers by itself";
}

TEST_F(SqliteFile, of_two_stores_on_one_file_exactly_one_claims_each_connection) {
  constexpr int connections = 60;
  {
    const auto store = opened();
    for (int i = 0; i < connections; ++i) {
      ASSERT_TRUE(get(store->create(some_connection("con_" + std::to_string(i), "realm-" + std::to_string(i)), {})));
    }
  }
  std::array<std::set<int>, 2> claimed;
  std::array<std::set<int>, 2> busy;
  std::latch ready{2};
  const auto race = [&](std::size_t who) {
    VirtualClock own_clock;
    VirtualExecutor own{own_clock};
    const auto store = opened();
    ready.arrive_and_wait();
    for (int i = 0; i < connections; ++i) {
      const auto claim = run(
          own, store->claim(ConnectionId{"con_" + std::to_string(i)}, 1, "node-" + std::to_string(who), at(0), at(60), {}));
      if (claim) claimed[who].insert(i);
      if (!claim && claim.error().code == Errc::busy) busy[who].insert(i);
    }
  };
  {
    std::jthread first{race, 0};
    std::jthread second{race, 1};
  }
  EXPECT_EQ(claimed[0].size() + claimed[1].size(), static_cast<std::size_t>(connections));
  EXPECT_EQ(claimed[0], busy[1]);
  EXPECT_EQ(claimed[1], busy[0]);
}

TEST_F(SqliteFile, eight_stores_that_open_a_new_file_at_once_agree_on_its_schema) {
  std::latch ready{8};
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> openers;
    for (int i = 0; i < 8; ++i) {
      openers.emplace_back([&, i] {
        VirtualClock own_clock;
        VirtualExecutor own{own_clock};
        ready.arrive_and_wait();
        const auto store = open();
        if (!store) return;
        const auto id = std::to_string(i);
        if (run(own, (*store)->create(some_connection("con_" + id, "realm-" + id), {}))) ++good;
      });
    }
  }
  EXPECT_EQ(good.load(), 8);
  EXPECT_EQ(get(opened()->stats(at(0))).value().by_status.at(0).second, 8);
}

// A process that is killed at any instant leaves whole operations only, and every one it was told is durable.
TEST_F(SqliteFile, a_killed_process_loses_nothing_that_it_was_told_is_durable) {
  opened();
  std::array<int, 2> report{};
  ASSERT_EQ(::pipe(report.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    SqliteOptions options;
    options.path = path;
    options.inline_execution = true;  // no threads in a forked child
    auto store = open_sqlite_store(options, *log);
    for (int i = 0; store; ++i) {
      const auto c = some_connection("con_" + std::to_string(i), "realm-" + std::to_string(i));
      if (!run(executor, (*store)->create(c, some_event("connected", c)))) break;
      if (::write(report[1], &i, sizeof i) != sizeof i) break;
    }
    ::_exit(1);
  }
  ::close(report[1]);
  int last = -1;
  for (int told = 0; last < 50 && ::read(report[0], &told, sizeof told) == sizeof told;) last = told;
  ::kill(child, SIGKILL);
  for (int told = 0; ::read(report[0], &told, sizeof told) == sizeof told;) last = told;
  ::close(report[0]);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_GE(last, 50);
  const auto store = opened();
  for (int i = 0; i <= last; ++i) ASSERT_TRUE(get(store->connection(ConnectionId{"con_" + std::to_string(i)}))) << i;
  const auto connections = get(store->stats(at(0))).value().by_status.at(0).second;
  std::int64_t events = 0;
  for (std::string cursor;;) {
    const auto page = get(store->events({}, {}, cursor, 1000)).value();
    if (page.items.empty()) break;
    events += static_cast<std::int64_t>(page.items.size());
    cursor = page.next;
  }
  EXPECT_EQ(events, connections) << "each connection came with its event or not at all";
}

class SealedFile : public SqliteFile {
 protected:
  void start(std::unique_ptr<Store> on) {
    vault.reset();
    store = std::move(on);
    vault = std::make_unique<Vault>(*store, *kek, std::vector<KekSource*>{}, clock, random, *log);
    const auto started = get(vault->start());
    ASSERT_TRUE(started) << started.error().message;
  }
  Connection connected(const std::string& token) {
    auto c = some_connection("con_1", "realm-1");
    const Secret plain{token};
    c.tokens = {};
    c.tokens.access_token = get(vault->seal(place_of(c, "access_token", 1), plain)).value();
    EXPECT_TRUE(get(store->create(c, {})));
    return c;
  }
  Result<Secret> opened_token() {
    const auto c = get(store->connection(ConnectionId{"con_1"})).value();
    return get(vault->open(place_of(c, "access_token", c.generation), c.tokens.access_token));
  }
  std::string every_file() {
    std::string all;
    for (const char* suffix : {"", "-wal", "-shm"}) all += contents(path + suffix);
    return all;
  }

  SystemRandom random;
  std::string kek_bytes = std::string(32, 'K');
  std::unique_ptr<KekSource> kek = std::move(*make_local_kek(Secret{hex_encode(kek_bytes)}, random));
  std::unique_ptr<Store> store;
  std::unique_ptr<Vault> vault;
};

TEST_F(SealedFile, holds_no_token_and_no_kek_in_any_of_its_files) {
  start(opened());
  const auto c = connected("canary-access-token-0123456789");
  ASSERT_TRUE(get(vault->blind_index(c.tenant, "grant", "canary-upstream-grant")));
  ASSERT_TRUE(get(vault->rotate_tenant_key(c.tenant)));
  const auto all = every_file();
  EXPECT_NE(all.find("realm-1"), std::string::npos) << "the search looks in the right place";
  EXPECT_EQ(all.find("canary"), std::string::npos);
  EXPECT_EQ(all.find(kek_bytes), std::string::npos);
  EXPECT_EQ(opened_token().value().reveal(), "canary-access-token-0123456789");
}

TEST_F(SealedFile, keeps_nothing_of_a_shredded_key_or_a_revoked_token) {
  start(opened());
  const auto c = connected("canary");
  const auto token = c.tokens.access_token.bytes;
  std::vector<std::string> wrapped;
  for (const auto& key : get(store->tenant_keys(c.tenant)).value()) wrapped.push_back(key.wrapped);
  ASSERT_FALSE(wrapped.empty());
  EXPECT_NE(every_file().find(token), std::string::npos);
  EXPECT_NE(every_file().find(wrapped[0]), std::string::npos);
  ASSERT_TRUE(get(store->begin_revocation(c.id, false, "", at(1), {})));
  ASSERT_TRUE(get(vault->shred_tenant(c.tenant)));
  const auto all = every_file();
  EXPECT_EQ(all.find(token), std::string::npos);
  for (const auto& key : wrapped) EXPECT_EQ(all.find(key), std::string::npos);
}

// Else tokens would be said to be durable and be gone with the process.
TEST_F(SealedFile, is_not_written_while_it_is_not_in_its_place) {
  start(opened());
  const auto c = connected("canary");
  const auto away = path + ".away";
  std::filesystem::rename(path, away);
  EXPECT_EQ(get(store->probe()).error().code, Errc::store_unavailable);
  EXPECT_TRUE(get(store->connection(c.id))) << "reads go on";
  std::filesystem::rename(away, path);
  EXPECT_TRUE(get(store->probe()));
}

// SQLite opens what belongs to a file at the first question only, and finds nothing then.
TEST_F(SqliteFile, is_read_by_all_readers_though_it_is_gone_from_its_place_before_the_first_question) {
  const auto store = opened();
  const auto away = path + ".away";
  std::filesystem::rename(path, away);
  const auto connection = get(store->connection(ConnectionId{"con_1"}));
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, Errc::not_found) << connection.error().message;
  std::filesystem::rename(away, path);
}

TEST_F(SealedFile, rows_of_a_backup_put_back_after_a_shredding_do_not_open) {
  start(opened());
  const auto c = connected("canary");
  ASSERT_TRUE(get(vault->shred_tenant(c.tenant)));
  EXPECT_EQ(get(store->connection(c.id)).value().tokens, c.tokens) << "the row is as the backup has it";
  EXPECT_EQ(opened_token().error().code, Errc::sealed_broken);
  start(opened());
  EXPECT_EQ(opened_token().error().code, Errc::sealed_broken) << "after a restart too";
}

// A whole backup brings its wrapped keys with it: what makes it unreadable is the end of the KEK that was in use then.
TEST_F(SealedFile, a_whole_backup_does_not_open_once_its_kek_is_gone) {
  start(opened());
  const auto c = connected("canary");
  vault.reset();
  store.reset();
  const auto backup = folder.file("backup.db");
  std::filesystem::copy_file(path, backup);
  start(opened());
  ASSERT_TRUE(get(vault->shred_tenant(c.tenant)));
  const auto next = std::move(*make_local_kek(Secret{hex_encode(std::string(32, 'N'))}, random));
  Vault both{*store, *next, {kek.get()}, clock, random, *log};
  ASSERT_TRUE(get(both.start()));
  EXPECT_EQ(get(both.rewrap_root_keys()).value().rewrapped_root_keys, 1);

  const auto restored = opened({.path = backup});
  Vault after_restore{*restored, *next, {}, clock, random, *log};
  EXPECT_EQ(get(after_restore.start()).error().code, Errc::key_unavailable);
  const auto row = get(restored->connection(c.id)).value();
  EXPECT_FALSE(get(after_restore.open(place_of(row, "access_token", 1), row.tokens.access_token)));
}

}  // namespace
}  // namespace evergrant::test
