// A restored store is known as such, whoever put it there; a backup is whole, private, and opens nowhere without the KEK.
#include "store/backup.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/executor.hpp"
#include "base/task.hpp"
#include "store/high_water.hpp"
#include "store/sqlite_store.hpp"

namespace evergrant::test {
namespace {

namespace fs = std::filesystem;

const Time now = from_epoch_ms(1'767'225'600'000);

class Backup : public ::testing::Test {
 protected:
  Backup() {
    std::string pattern = (fs::temp_directory_path() / "evergrant-backup-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    path = folder / "evergrant.db";
  }
  ~Backup() override { fs::remove_all(folder); }
  Backup(const Backup&) = delete;
  Backup& operator=(const Backup&) = delete;

  [[nodiscard]] Result<std::unique_ptr<Store>> try_open() const {
    SqliteOptions options;
    options.path = path.string();
    options.inline_execution = true;
    options.high_water = path.string() + ".mark";
    options.now = now;
    return open_sqlite_store(std::move(options), *log);
  }
  [[nodiscard]] std::unique_ptr<Store> open() const {
    auto store = try_open();
    EXPECT_TRUE(store) << (store ? "" : store.error().message);
    return store ? std::move(*store) : nullptr;
  }
  // The store runs inline: a task is done once the loop has run what is queued.
  template <class T>
  static T get(Task<T> task) {
    RunLoop loop;
    std::optional<T> result;
    spawn(loop, [](Task<T> inner, std::optional<T>& into, RunLoop& on) -> Task<void> {
      into.emplace(co_await std::move(inner));
      on.stop();
    }(std::move(task), result, loop));
    loop.run();
    return std::move(*result);
  }
  static void add(Store& store, const std::string& realm) {
    Connection connection;
    connection.id = ConnectionId{"con_" + realm};
    connection.registration = RegistrationId{"quickbooks"};
    connection.tenant = TenantId{"acme"};
    connection.realm = RealmId{realm};
    connection.created_at = now;
    connection.updated_at = now;
    Event event;
    event.at = now;
    event.type = "connected";
    ASSERT_TRUE(get(store.create(connection, event)));
  }
  static Connection of(Store& store, const std::string& realm) {
    auto connection = get(store.connection(ConnectionId{"con_" + realm}));
    EXPECT_TRUE(connection);
    return connection.value_or(Connection{});
  }
  static std::vector<Event> events(Store& store) {
    auto page = get(store.events({}, std::nullopt, "", 100));
    EXPECT_TRUE(page);
    return page ? page->items : std::vector<Event>{};
  }

  std::unique_ptr<Log> log = Log::silent();
  fs::path folder, path;
};

TEST_F(Backup, a_backup_is_private_whole_and_made_beside_a_running_store) {
  const auto store = open();
  add(*store, "1");
  const auto file = (folder / "backup.db").string();
  const auto report = back_up(path.string(), file);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->connections, 1);
  EXPECT_EQ(report->last_event, 1);
  struct stat state{};
  ASSERT_EQ(::stat(file.c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777U, 0600U);
  EXPECT_EQ(report->bytes, state.st_size);
  add(*store, "2");  // the store goes on
}

TEST_F(Backup, an_existing_file_is_not_overwritten) {
  ASSERT_TRUE(open());
  const auto file = folder / "backup.db";
  std::ofstream{file} << "precious";
  const auto report = back_up(path.string(), file.string());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::invalid_argument);
  EXPECT_EQ(fs::file_size(file), 8U);
}

TEST_F(Backup, what_is_no_store_is_neither_backed_up_nor_restored) {
  EXPECT_FALSE(back_up(path.string(), (folder / "backup.db").string()));
  const auto other = folder / "other";
  std::ofstream{other} << std::string(5000, 'x');
  EXPECT_FALSE(restore(other.string(), path.string(), false, now));
  EXPECT_FALSE(restore((folder / "none").string(), path.string(), false, now));
  for (const auto& entry : fs::directory_iterator{folder}) EXPECT_EQ(entry.path(), other);
}

TEST_F(Backup, a_restored_store_starts_on_hold_and_says_why) {
  const auto file = (folder / "backup.db").string();
  {
    const auto store = open();
    add(*store, "1");
    ASSERT_TRUE(back_up(path.string(), file));
    add(*store, "2");
  }
  const auto refused = restore(file, path.string(), false, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  const auto report = restore(file, path.string(), true, now);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(fs::exists(report->set_aside));
  const auto store = open();
  EXPECT_EQ(of(*store, "1").status, Status::quarantined);
  EXPECT_TRUE(of(*store, "1").reason.contains("restored at 2026-01-01")) << of(*store, "1").reason;
  ASSERT_EQ(events(*store).size(), 2U);
  EXPECT_EQ(events(*store).back().type, "store_restored");
  EXPECT_EQ(events(*store).back().sequence, 3) << "what applications have polled already is not repeated";
}

TEST_F(Backup, a_hold_is_put_on_once) {
  const auto file = (folder / "backup.db").string();
  add(*open(), "1");
  ASSERT_TRUE(back_up(path.string(), file));
  ASSERT_TRUE(restore(file, path.string(), true, now));
  {
    const auto store = open();
    Event event;
    event.at = now;
    event.type = "released";
    ASSERT_TRUE(get(store->change_status(ConnectionId{"con_1"}, Status::quarantined, Status::active, "", event)));
  }
  EXPECT_EQ(of(*open(), "1").status, Status::active);
}

TEST_F(Backup, a_file_that_somebody_copied_back_is_recognised_by_the_mark) {
  add(*open(), "1");
  fs::copy_file(path, folder / "copy");
  add(*open(), "2");
  fs::copy_file(folder / "copy", path, fs::copy_options::overwrite_existing);
  const auto store = open();
  EXPECT_EQ(of(*store, "1").status, Status::quarantined);
  EXPECT_TRUE(of(*store, "1").reason.contains("1 events older")) << of(*store, "1").reason;
}

TEST_F(Backup, a_store_that_kept_up_with_its_mark_starts_as_it_was) {
  add(*open(), "1");
  add(*open(), "2");
  const auto store = open();
  EXPECT_EQ(of(*store, "1").status, Status::active);
  EXPECT_EQ(events(*store).size(), 2U);
}

TEST_F(Backup, another_store_in_its_place_starts_on_hold) {
  add(*open(), "1");
  HighWaterMark other{path.string() + ".mark"};
  ASSERT_TRUE(other.set({.store = "somebodyelse", .sequence = 1000}));
  EXPECT_EQ(of(*open(), "1").status, Status::quarantined);
}

TEST_F(Backup, a_new_store_beside_an_old_mark_starts_as_new) {
  HighWaterMark other{path.string() + ".mark"};
  ASSERT_TRUE(other.set({.store = "somebodyelse", .sequence = 1000}));
  add(*open(), "1");
  EXPECT_EQ(of(*open(), "1").status, Status::active);
}

TEST_F(Backup, an_empty_mark_is_made_anew) {
  add(*open(), "1");
  std::ofstream{path.string() + ".mark", std::ios::trunc};
  EXPECT_EQ(of(*open(), "1").status, Status::active);
}

TEST_F(Backup, a_left_over_log_is_not_played_into_the_restored_store) {
  const auto file = (folder / "backup.db").string();
  const auto store = open();  // stays open, so that its log stays
  add(*store, "1");
  ASSERT_TRUE(back_up(path.string(), file));
  add(*store, "2");
  const auto elsewhere = folder / "elsewhere";
  fs::create_directory(elsewhere);
  const auto left = (elsewhere / "evergrant.db").string();
  fs::copy_file(path.string() + "-wal", left + "-wal");
  ASSERT_FALSE(restore(file, left, false, now)) << "what is left of a store is not ignored";
  const auto report = restore(file, left, true, now);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(fs::exists(report->set_aside + "-wal"));
  EXPECT_FALSE(fs::exists(left + "-wal"));
}

TEST_F(Backup, a_backup_is_one_file) {
  const auto store = open();
  add(*store, "1");
  const auto file = (folder / "backup.db").string();
  ASSERT_TRUE(back_up(path.string(), file));
  EXPECT_FALSE(fs::exists(file + "-wal"));
  EXPECT_FALSE(fs::exists(file + "-shm"));
}

TEST_F(Backup, a_damaged_mark_is_refused_rather_than_overwritten) {
  ASSERT_TRUE(open());
  std::ofstream{path.string() + ".mark"} << "evergrant-mark 1 abc x\n";
  const auto store = try_open();
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::invalid_argument);
}

TEST_F(Backup, what_cannot_be_refreshed_keeps_its_expiry_when_it_is_released) {
  const auto store = open();
  Connection connection;
  connection.id = ConnectionId{"con_1"};
  connection.registration = RegistrationId{"quickbooks"};
  connection.tenant = TenantId{"acme"};
  connection.realm = RealmId{"1"};
  connection.status = Status::quarantined;
  connection.access_expires_at = now + std::chrono::hours{1};
  connection.created_at = now;
  connection.updated_at = now;
  Event event;
  event.at = now;
  event.type = "connected";
  ASSERT_TRUE(get(store->create(connection, event)));
  event.type = "released";
  ASSERT_TRUE(get(store->change_status(connection.id, Status::quarantined, Status::active, "", event)));
  EXPECT_EQ(of(*store, "1").access_expires_at, now + std::chrono::hours{1});
}

TEST(HighWater, a_lower_mark_is_ignored) {
  const auto path = fs::temp_directory_path() / ("evergrant-mark-" + std::to_string(::getpid()));
  {
    HighWaterMark mark{path.string()};
    ASSERT_TRUE(mark.set({.store = "a", .sequence = 10}));
    ASSERT_TRUE(mark.raise(12));
    ASSERT_TRUE(mark.raise(11));
    const auto read = mark.read();
    ASSERT_TRUE(read && *read);
    EXPECT_EQ((**read), (Mark{.store = "a", .sequence = 12}));
  }
  fs::remove(path);
}

}  // namespace
}  // namespace evergrant::test
