// Which damage of the file an opening notices, which the check behind it, and what happens then.
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <future>

#include "contract/store/store_contract.hpp"
#include "store/background_reads.hpp"
#include "store/sqlite_check.hpp"

namespace evergrant::test {
namespace {

namespace fs = std::filesystem;

constexpr int page = 4096;
constexpr int connections = 3000;

// While it lives, the disk gives nothing: every read of a page fails.
class DiskThatFails {
 public:
  DiskThatFails() { replace(&DiskThatFails::read); }
  ~DiskThatFails() { replace(nullptr); }
  DiskThatFails(const DiskThatFails&) = delete;
  DiskThatFails& operator=(const DiskThatFails&) = delete;

 private:
  static ssize_t read(int, void*, std::size_t, off_t) {
    errno = EIO;
    return -1;
  }
  static void replace(ssize_t (*with)(int, void*, std::size_t, off_t)) {
    sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
    int replaced = 0;
    for (const char* name : {"pread", "pread64"}) {  // whichever it was built with
      if (vfs->xSetSystemCall(vfs, name, reinterpret_cast<sqlite3_syscall_ptr>(with)) == SQLITE_OK) ++replaced;  // NOLINT
    }
    if (replaced == 0) throw std::logic_error("SQLite reads by another call");
  }
};

class StoreCheckTest : public ::testing::Test {
 protected:
  StoreCheckTest() {
    {
      const auto store = open();
      if (!run(executor, (*store)->create(some_connection("con_0", "realm-0"), {}))) throw std::logic_error("not created");
    }
    std::string copies = "BEGIN; CREATE TEMP TABLE copy AS SELECT * FROM connections;";
    for (int i = 1; i < connections; ++i) {
      const auto number = std::to_string(i);
      copies += "UPDATE copy SET id = 'con_" + number + "', realm = 'realm-" + number + "';";
      copies += "INSERT INTO connections SELECT * FROM copy;";
    }
    sql(copies + "COMMIT;");
  }

  Result<std::unique_ptr<Store>> open(StoreCheck check = StoreCheck::brief,
                                      std::function<void(const Result<>&)> after_check = {}) {
    return open_sqlite_store({.path = path, .check = check, .after_check = std::move(after_check)}, *log);
  }
  // Opens with the check behind, and waits for its verdict.
  Result<> verdict_behind() {
    std::promise<Result<>> told;
    auto opened = open(StoreCheck::behind, [&](const Result<>& whole) { told.set_value(whole); });
    if (!opened) return std::unexpected(opened.error());
    checked = std::move(*opened);
    return told.get_future().get();
  }
  // From outside the store.
  void sql(const std::string& statements) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database, statements.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    ASSERT_EQ(sqlite3_close(database), SQLITE_OK);
  }
  std::int64_t number(const std::string& sql) {
    sqlite3* database = nullptr;
    sqlite3_open(path.c_str(), &database);
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr);
    const std::int64_t found = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return found;
  }
  void destroy(std::int64_t number_of_page) {
    std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
    file.seekp((number_of_page - 1) * page);
    file << std::string(2000, '\xAB');
  }
  // A leaf of the connections between two of those that a start reads.
  std::int64_t leaf() {
    return number(
        "SELECT pageno FROM dbstat WHERE name = 'connections' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 4");
  }

  TemporaryFolder folder;
  std::string path = folder.file("store.db");
  VirtualClock clock;
  VirtualExecutor executor{clock};
  std::string logged;
  std::unique_ptr<Log> log = Log::into(logged);
  std::unique_ptr<Store> checked;
};

TEST_F(StoreCheckTest, a_sound_store_passes_every_check) {
  EXPECT_TRUE(open());
  EXPECT_TRUE(open(StoreCheck::whole));
  EXPECT_TRUE(verdict_behind());
  checked.reset();
  EXPECT_NE(logged.find("store_checked"), std::string::npos) << logged;
}

TEST_F(StoreCheckTest, a_file_without_its_end_does_not_open) {
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(fs::file_size(path)) - page), 0);
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_NE(refused.error().message.find("damaged"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().hint.find("backup"), std::string::npos) << refused.error().hint;
}

TEST_F(StoreCheckTest, a_table_without_its_root_does_not_open) {
  for (const char* table : {"connections", "attempts", "sealing_keys", "events"}) {
    fs::copy_file(path, path + ".good", fs::copy_options::overwrite_existing);
    destroy(number("SELECT rootpage FROM sqlite_master WHERE name = '" + std::string{table} + "'"));
    const auto refused = open();
    ASSERT_FALSE(refused) << table;
    EXPECT_EQ(refused.error().code, Errc::invalid_argument) << table;
    fs::copy_file(path + ".good", path, fs::copy_options::overwrite_existing);
  }
  EXPECT_TRUE(open());
}

TEST_F(StoreCheckTest, an_index_that_does_not_lead_to_its_connections_does_not_open) {
  sql("PRAGMA writable_schema = ON; CREATE TABLE other AS SELECT * FROM connections LIMIT 0; "
      "CREATE UNIQUE INDEX other_live ON other (registration, realm, pair) "
      "WHERE status <> 'revoked' AND (pair = '' OR status <> 'revoking'); "
      "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'other_live') "
      "WHERE name = 'connections_live'");
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("does not lead"), std::string::npos) << refused.error().message;
}

TEST_F(StoreCheckTest, what_a_start_does_not_read_the_check_behind_it_does_and_nothing_more_is_written) {
  destroy(leaf());
  const auto whole = verdict_behind();
  ASSERT_FALSE(whole);
  EXPECT_NE(whole.error().message.find("damaged"), std::string::npos) << whole.error().message;

  const auto probed = run(executor, checked->probe());
  ASSERT_FALSE(probed);
  EXPECT_EQ(probed.error().code, Errc::store_unavailable);
  EXPECT_NE(probed.error().message.find("damaged"), std::string::npos) << probed.error().message;
  EXPECT_TRUE(run(executor, checked->connection(ConnectionId{"con_0"}))) << "what can be read is";
  checked.reset();
  EXPECT_NE(logged.find("store_damaged"), std::string::npos) << logged;
}

TEST_F(StoreCheckTest, doctor_reads_every_page_before_it_calls_a_store_sound) {
  destroy(leaf());
  EXPECT_FALSE(open(StoreCheck::whole));
}

TEST_F(StoreCheckTest, a_damaged_file_is_not_migrated) {
  sql("UPDATE meta SET value = value - 1 WHERE name = 'schema'");
  destroy(leaf());
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("damaged"), std::string::npos) << refused.error().message;
}

TEST_F(StoreCheckTest, a_check_that_gives_way_says_nothing_about_the_file) {
  int reads = 0;
  const BackgroundReads background{[&] { return ++reads > 5; }};
  Database database{path, {.read_only = true, .vfs = background.name()}};
  bool sound = false;
  try {
    sound = check_whole(database).has_value();
  } catch (const SqliteError&) {  // NOLINT(bugprone-empty-catch): either way it must not pass
  }
  EXPECT_FALSE(sound);
  EXPECT_TRUE(background.gave_way());
  EXPECT_LT(reads, 10) << "it ends with the first read that is refused";
}

TEST_F(StoreCheckTest, a_page_that_cannot_be_read_is_not_taken_for_a_damaged_one) {
  const BackgroundReads background{[] { return false; }};
  Database database{path, {.read_only = true, .vfs = background.name()}};
  ASSERT_TRUE(check_whole(database));
  ASSERT_FALSE(background.gave_way());
  database.run_script("PRAGMA shrink_memory");  // what was read is read anew
  {
    const DiskThatFails disk;
    try {
      EXPECT_FALSE(check_whole(database));
    } catch (const SqliteError&) {  // NOLINT(bugprone-empty-catch): either way it says nothing about the file
    }
  }
  EXPECT_TRUE(background.gave_way());
}

TEST_F(StoreCheckTest, a_store_closes_while_its_check_is_under_way) {
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(open(StoreCheck::behind));
  EXPECT_TRUE(open(StoreCheck::whole));
}

}  // namespace
}  // namespace evergrant::test
