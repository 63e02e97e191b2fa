// The escrow on a real disk: what was put is there for the next process, a dead process's file is taken over and a living
// one's is not, and its bound refuses new requests and no answer.
#include "store/escrow_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "crypto/hash.hpp"
#include "store/escrow_frames.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

namespace fs = std::filesystem;

EscrowedAnswer some_answer(const std::string& name, std::size_t bytes = 100) {
  return {.attempt = AttemptId{"att_" + name},
          .fence = 1,
          .connection = ConnectionId{"con_" + name},
          .generation = 1,
          .at = from_epoch_ms(1'767'225'600'000),
          .answer = Sealed{std::string(bytes, 'x')}};
}

class EscrowFileTest : public ::testing::Test {
 protected:
  EscrowFileTest() {
    std::string name = (fs::temp_directory_path() / "evergrant-escrow-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder = name;
    path = folder / "store.db-escrow";
  }
  ~EscrowFileTest() override { fs::remove_all(folder); }

  std::unique_ptr<Escrow> open(const std::string& owner, std::int64_t capacity = 1 << 20) {
    auto escrow = open_of(store, owner, capacity);
    if (!escrow) throw std::runtime_error(escrow.error().message);
    return std::move(*escrow);
  }
  Result<std::unique_ptr<Escrow>> open_of(const std::string& of, const std::string& owner, std::int64_t capacity = 1 << 20) {
    return open_file_escrow({.path = path,
                             .store = of,
                             .owner = owner,
                             .capacity = capacity,
                             .inline_execution = true,
                             .disk_room = [this](std::int64_t bytes) { return bytes <= disk; }},
                            *log);
  }
  template <class T>
  T done(Task<T> task) {
    return run(executor, std::move(task));
  }
  static std::string content(const fs::path& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  static void write(const fs::path& file, const std::string& bytes) { std::ofstream{file, std::ios::binary} << bytes; }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  std::string logged;
  std::unique_ptr<Log> log = Log::into(logged);
  fs::path folder, path;
  const std::string store = "store_1";
  std::int64_t disk = std::int64_t{1} << 40U;  // bytes that a file may have
};

std::string head_of(const std::string& owner) { return escrow_head({.store = "store_1", .owner = owner}); }

TEST_F(EscrowFileTest, the_next_process_finds_what_was_put_and_whose_it_was) {
  {
    const auto first = open("node_1");
    ASSERT_TRUE(done(first->put(some_answer("a"))));
    ASSERT_TRUE(done(first->put(some_answer("b"))));
    ASSERT_TRUE(done(first->put(some_answer("b"))));
    ASSERT_TRUE(done(first->remove(AttemptId{"att_a"})));
  }
  const auto second = open("node_2");
  EXPECT_EQ(second->pending(), std::vector{some_answer("b")});
  EXPECT_TRUE(second->holds(ConnectionId{"con_b"}));
  EXPECT_FALSE(second->holds(ConnectionId{"con_a"}));
  EXPECT_EQ(done(second->adopt()).value(), std::vector<std::string>{"node_1"});
  ASSERT_TRUE(done(second->settled("node_1")));
  EXPECT_TRUE(done(second->adopt()).value().empty());
}

TEST_F(EscrowFileTest, is_this_users_alone) {
  const auto escrow = open("node_1");
  struct stat facts{};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST_F(EscrowFileTest, a_living_process_keeps_its_file_and_a_dead_ones_is_taken_over) {
  auto first = open("node_1");
  auto second = open("node_2");
  ASSERT_TRUE(done(first->put(some_answer("a"))));
  ASSERT_TRUE(done(second->put(some_answer("b"))));
  EXPECT_TRUE(done(second->adopt()).value().empty());
  EXPECT_EQ(second->pending(), std::vector{some_answer("b")});
  first.reset();  // as the kernel does when a process dies: the lock goes
  EXPECT_EQ(done(second->adopt()).value(), std::vector<std::string>{"node_1"});
  EXPECT_EQ(second->pending(), (std::vector{some_answer("b"), some_answer("a")}));
  second.reset();
  EXPECT_EQ(open("node_3")->pending().size(), 0U) << "the first file is empty by now";
  const auto fourth = open("node_4");
  ASSERT_TRUE(done(fourth->adopt()));
  EXPECT_EQ(fourth->pending().size(), 2U);
}

TEST_F(EscrowFileTest, a_full_escrow_refuses_new_requests_and_no_answer) {
  const auto escrow = open("node_1", 64 << 10);
  int rooms = 0;
  while (escrow->reserve()) ++rooms;
  EXPECT_EQ(rooms, 3);
  for (const std::string name : {"a", "b", "c"}) ASSERT_TRUE(done(escrow->put(some_answer(name, 40 << 10))));
  for (int i = 0; i < rooms; ++i) escrow->release();
  EXPECT_FALSE(escrow->reserve());
  EXPECT_EQ(escrow->pending().size(), 3U);
  for (const std::string name : {"a", "b", "c"}) ASSERT_TRUE(done(escrow->remove(AttemptId{"att_" + name})));
  EXPECT_TRUE(escrow->reserve()) << "what is done makes room";
}

TEST_F(EscrowFileTest, one_answer_that_stays_does_not_fill_the_file_with_what_others_leave) {
  const auto escrow = open("node_1", 256 << 10);
  ASSERT_TRUE(done(escrow->put(some_answer("stays"))));
  for (int i = 0; i < 200; ++i) {
    const std::string name = std::to_string(i);
    ASSERT_TRUE(done(escrow->put(some_answer(name, 8 << 10))));
    ASSERT_TRUE(done(escrow->remove(AttemptId{"att_" + name})));
    ASSERT_TRUE(escrow->reserve()) << i;
    escrow->release();
  }
  EXPECT_EQ(read_escrow(content(path)).pending, std::vector{some_answer("stays")});
}

TEST_F(EscrowFileTest, a_torn_tail_is_cut_and_the_next_answer_is_whole) {
  {
    ASSERT_TRUE(done(open("node_1")->put(some_answer("a"))));
  }
  write(path, content(path) + answer_frame(some_answer("torn")).substr(0, 50));
  {
    const auto escrow = open("node_2");
    EXPECT_EQ(escrow->status().damaged, 0U);
    ASSERT_TRUE(done(escrow->put(some_answer("b"))));
  }
  EXPECT_EQ(open("node_3")->pending(), (std::vector{some_answer("a"), some_answer("b")}));
  EXPECT_NE(logged.find("escrow_tail_torn"), std::string::npos);
}

TEST_F(EscrowFileTest, a_damaged_record_is_said_and_set_aside_and_costs_no_other) {
  {
    const auto escrow = open("node_1");
    for (const std::string name : {"a", "b", "c"}) ASSERT_TRUE(done(escrow->put(some_answer(name))));
  }
  std::string bytes = content(path);
  const auto place = escrow_head_bytes + answer_frame(some_answer("a")).size() + 90;
  bytes[place] = static_cast<char>(bytes[place] ^ 1);
  write(path, bytes);
  EXPECT_EQ(inspect_escrow(path, store).at(0).damaged, 1U);
  {
    const auto escrow = open("node_2");
    EXPECT_EQ(escrow->pending(), (std::vector{some_answer("a"), some_answer("c")}));
    EXPECT_EQ(escrow->status().damaged, 1U);
  }
  EXPECT_NE(logged.find("escrow_record_damaged"), std::string::npos);
  EXPECT_EQ(content(path.string() + ".damaged").size(), answer_frame(some_answer("b")).size());
  EXPECT_TRUE(inspect_escrow(path, store).at(0).set_aside);
  EXPECT_EQ(open("node_3")->pending().size(), 2U);
}

TEST_F(EscrowFileTest, a_crash_in_the_middle_of_a_compaction_loses_nothing) {
  write(path, head_of("node_1"));  // cut, and not yet written again
  write(path.string() + ".compact", head_of({}) + answer_frame(some_answer("a")));
  EXPECT_EQ(open("node_2")->pending(), std::vector{some_answer("a")});
  EXPECT_FALSE(fs::exists(path.string() + ".compact"));
  EXPECT_EQ(open("node_3")->pending(), std::vector{some_answer("a")});
}

TEST_F(EscrowFileTest, a_file_that_is_no_escrow_is_refused_and_left_as_it_is) {
  for (const std::string& bytes :
       {std::string{"SQLite format 3"} + std::string(5000, '\0'), std::string{"0123456789abcdef\n"}}) {
    write(path, bytes);
    ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
    const auto escrow = open_file_escrow({.path = path, .owner = "n", .inline_execution = true}, *log);
    ASSERT_FALSE(escrow);
    EXPECT_EQ(escrow.error().code, Errc::invalid_argument);
    EXPECT_NE(escrow.error().message.find(path.string()), std::string::npos);
    EXPECT_NE(escrow.error().hint.find("[store] escrow"), std::string::npos);
    EXPECT_EQ(content(path), bytes);
    EXPECT_EQ(fs::status(path).permissions(), fs::perms{0640});
    EXPECT_TRUE(inspect_escrow(path, store).at(0).foreign);
  }
}

TEST_F(EscrowFileTest, a_first_write_that_a_crash_cut_short_is_no_foreign_file) {
  for (const std::string& bytes :
       {head_of("node_1").substr(0, 7), head_of("node_1").substr(0, 60), std::string(escrow_head_bytes, '\0')}) {
    write(path, bytes);
    ASSERT_TRUE(done(open("node_2")->put(some_answer("a"))));
    EXPECT_EQ(open("node_3")->pending().size(), 1U);
    fs::remove(path);
  }
}

TEST_F(EscrowFileTest, a_foreign_file_beside_it_is_not_taken_over) {
  const std::string other = path.string() + ".1";
  write(other, "not an escrow");
  write(path.string() + ".2", head_of("node_0") + answer_frame(some_answer("a")));
  const auto escrow = open("node_1");
  EXPECT_EQ(done(escrow->adopt()).value(), std::vector<std::string>{"node_0"});
  EXPECT_EQ(escrow->pending().size(), 1U);
  EXPECT_EQ(content(other), "not an escrow");
  EXPECT_NE(logged.find("escrow_is_foreign"), std::string::npos);
}

TEST_F(EscrowFileTest, what_cannot_be_delivered_is_set_aside_once_and_counted) {
  {
    const auto escrow = open("node_1");
    for (const std::string name : {"a", "b"}) ASSERT_TRUE(done(escrow->put(some_answer(name))));
    ASSERT_TRUE(done(escrow->set_aside(AttemptId{"att_a"})));
    ASSERT_TRUE(done(escrow->set_aside(AttemptId{"att_a"})));
    EXPECT_EQ(escrow->status().damaged, 1U);
    EXPECT_EQ(escrow->pending(), std::vector{some_answer("b")});
  }
  EXPECT_EQ(content(path.string() + ".damaged"), answer_frame(some_answer("a")));
  EXPECT_EQ(open("node_2")->pending(), std::vector{some_answer("b")});
}

TEST_F(EscrowFileTest, a_start_without_room_for_a_compaction_goes_on_behind_the_last_whole_frame) {
  write(path, head_of("node_1") + answer_frame(some_answer("a")) + answer_frame(some_answer("torn", 5000)).substr(0, 4000));
  fs::create_directories(path.string() + ".compact/full");  // nothing can be prepared there
  {
    const auto escrow = open("node_2");
    EXPECT_NE(logged.find("escrow_not_compacted"), std::string::npos);
    EXPECT_EQ(escrow->pending(), std::vector{some_answer("a")});
    ASSERT_TRUE(done(escrow->put(some_answer("b"))));
  }
  const auto third = open("node_3");
  EXPECT_EQ(third->pending(), (std::vector{some_answer("a"), some_answer("b")}));
  EXPECT_EQ(third->status().damaged, 0U);
}

TEST_F(EscrowFileTest, looking_at_it_changes_nothing_and_tells_who_lives) {
  const auto escrow = open("node_1");
  ASSERT_TRUE(done(escrow->put(some_answer("a"))));
  const std::string before = content(path);
  const auto reports = inspect_escrow(path, store);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_TRUE(reports[0].in_use);
  EXPECT_EQ(reports[0].answers, 1U);
  EXPECT_EQ(content(path), before);
}

TEST_F(EscrowFileTest, a_folder_that_cannot_be_written_is_named) {
  path = folder / "missing" / "escrow";
  const auto escrow = open_file_escrow({.path = path, .owner = "n", .inline_execution = true}, *log);
  ASSERT_FALSE(escrow);
  EXPECT_NE(escrow.error().message.find(path.string()), std::string::npos);
}

TEST_F(EscrowFileTest, the_disk_works_on_a_thread_of_its_own) {
  auto escrow = open_file_escrow({.path = path, .owner = "node_1"}, *log);
  ASSERT_TRUE(escrow);
  EXPECT_TRUE(done((*escrow)->put(some_answer("a"))));
  EXPECT_EQ((*escrow)->pending().size(), 1U);
  EXPECT_TRUE(done((*escrow)->remove(AttemptId{"att_a"})));
  EXPECT_EQ((*escrow)->status().answers, 0U);
}

// --- another store's ---

TEST_F(EscrowFileTest, another_stores_escrow_is_refused_at_the_start_and_left_as_it_is) {
  {
    ASSERT_TRUE(done(open("node_1")->put(some_answer("a"))));
  }
  const std::string before = content(path);
  const auto other = open_of("store_2", "node_2");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::conflict);
  for (const std::string& told : {path.string(), std::string{"store_1"}, std::string{"store_2"}}) {
    EXPECT_NE(other.error().message.find(told), std::string::npos) << other.error().message;
  }
  EXPECT_NE(other.error().hint.find("[store] escrow"), std::string::npos) << other.error().hint;
  EXPECT_EQ(content(path), before);
  EXPECT_TRUE(inspect_escrow(path, "store_2").at(0).foreign);
  EXPECT_EQ(open("node_3")->pending(), std::vector{some_answer("a")});
}

TEST_F(EscrowFileTest, another_stores_escrow_is_refused_in_any_place_and_while_its_process_lives) {
  const auto living = open("node_1");
  EXPECT_FALSE(open_of("store_2", "node_2"));
  fs::rename(path, path.string() + ".5");
  EXPECT_FALSE(open_of("store_2", "node_2"));
  EXPECT_FALSE(fs::exists(path)) << "nothing is made either";
}

TEST_F(EscrowFileTest, another_stores_escrow_that_comes_later_is_never_taken_over) {
  const auto escrow = open("node_1");
  const std::string theirs = escrow_head({.store = "store_2", .owner = "node_9"}) + answer_frame(some_answer("theirs"));
  write(path.string() + ".1", theirs);
  EXPECT_TRUE(done(escrow->adopt()).value().empty());
  EXPECT_TRUE(escrow->pending().empty());
  EXPECT_EQ(content(path.string() + ".1"), theirs);
  EXPECT_NE(logged.find("escrow_is_foreign"), std::string::npos);
}

TEST_F(EscrowFileTest, an_interrupted_compaction_of_another_store_is_not_read) {
  const std::string theirs = escrow_head({.store = "store_2", .owner = {}}) + answer_frame(some_answer("theirs"));
  write(path.string() + ".compact", theirs);
  const auto escrow = open_of(store, "node_1");
  ASSERT_FALSE(escrow);
  EXPECT_EQ(escrow.error().code, Errc::conflict);
  EXPECT_EQ(content(path.string() + ".compact"), theirs);
}

TEST_F(EscrowFileTest, an_escrow_of_the_first_format_is_taken_over_by_the_store_beside_it) {
  std::string head = "evergrant escrow 1\n" + std::string{"\x06\0\0\0", 4} + "node_0";
  head.resize(112, '\0');
  write(path, head + sha256(head).substr(0, 16) + answer_frame(some_answer("a")));
  const auto escrow = open("node_1");
  EXPECT_EQ(escrow->pending(), std::vector{some_answer("a")});
  EXPECT_EQ(done(escrow->adopt()).value(), std::vector<std::string>{"node_0"});
  EXPECT_EQ(read_escrow_head(content(path)).store, store);
}

TEST_F(EscrowFileTest, a_newer_versions_escrow_is_refused_and_said_to_be_one) {
  write(path, "evergrant escrow 3\n" + std::string(200, 'x'));
  const auto escrow = open_of(store, "node_1");
  ASSERT_FALSE(escrow);
  EXPECT_NE(escrow.error().message.find("newer version"), std::string::npos) << escrow.error().message;
}

// --- room on the disk ---

TEST_F(EscrowFileTest, only_room_that_the_disk_has_set_aside_is_handed_out) {
  disk = 100 << 10;
  const auto escrow = open("node_1", 1 << 20);
  EXPECT_NE(logged.find("escrow_without_room"), std::string::npos);
  int rooms = 0;
  while (escrow->reserve()) ++rooms;
  EXPECT_EQ(rooms, 3) << "64 KiB of the 1024 are there";
  EXPECT_EQ(escrow->status().room, 64 << 10);
  for (const std::string name : {"a", "b", "c"}) ASSERT_TRUE(done(escrow->put(some_answer(name, 15 << 10))));
}

TEST_F(EscrowFileTest, a_disk_without_room_lets_nothing_out_until_it_has_room_again) {
  disk = 0;
  const auto escrow = open("node_1");
  EXPECT_FALSE(escrow->reserve());
  EXPECT_EQ(escrow->status().room, escrow->status().bytes) << "no more than what is written";
  disk = 1 << 20;
  EXPECT_FALSE(escrow->reserve()) << "it asks the disk, and is refused meanwhile";
  EXPECT_TRUE(escrow->reserve());
  EXPECT_EQ(escrow->status().room, escrow->status().capacity);
  EXPECT_NE(logged.find("escrow_has_room"), std::string::npos);
}

TEST_F(EscrowFileTest, room_is_asked_for_at_each_look_too) {
  disk = 0;
  const auto escrow = open("node_1");
  disk = 1 << 20;
  ASSERT_TRUE(done(escrow->adopt()));
  EXPECT_TRUE(escrow->reserve());
}

TEST_F(EscrowFileTest, room_that_was_handed_out_survives_a_compaction_and_a_restart_on_a_full_disk) {
  {
    const auto escrow = open("node_1");
    ASSERT_TRUE(done(escrow->put(some_answer("a", 100 << 10))));
    ASSERT_TRUE(done(escrow->put(some_answer("b"))));
    disk = 0;  // from here on nothing new is given
    ASSERT_TRUE(escrow->reserve());
    ASSERT_TRUE(done(escrow->remove(AttemptId{"att_a"})));
    ASSERT_TRUE(done(escrow->remove(AttemptId{"att_b"})));
    EXPECT_EQ(escrow->status().bytes, std::ssize(head_of("node_1"))) << "compacted";
    EXPECT_EQ(escrow->status().room, 1 << 20);
  }
  EXPECT_GE(inspect_escrow(path, store).at(0).room, 1 << 20) << "the blocks were not given back";
  disk = 1 << 20;
  const auto next = open("node_2");
  EXPECT_GE(inspect_escrow(path, store).at(0).room, 1 << 20);
}

TEST_F(EscrowFileTest, what_the_dead_left_does_not_use_the_room_of_requests_under_way) {
  write(path.string() + ".1", head_of("node_0") + answer_frame(some_answer("old", 300 << 10)));
  disk = 1 << 20;
  const auto escrow = open("node_1", 1 << 20);
  int rooms = 0;
  while (escrow->reserve()) ++rooms;
  ASSERT_TRUE(done(escrow->adopt()));
  EXPECT_TRUE(escrow->pending().empty());
  EXPECT_NE(content(path.string() + ".1").size(), 0U) << "it stays where it is";
  for (int i = 0; i < rooms; ++i) escrow->release();
  ASSERT_TRUE(done(escrow->adopt()));
  EXPECT_EQ(escrow->pending().size(), 1U);
}

// --- its own place ---

TEST_F(EscrowFileTest, a_file_that_was_removed_is_written_anew_at_the_next_answer) {
  const auto escrow = open("node_1");
  ASSERT_TRUE(done(escrow->put(some_answer("a"))));
  fs::remove(path);
  ASSERT_TRUE(done(escrow->put(some_answer("b"))));
  EXPECT_EQ(read_escrow(content(path)).pending, (std::vector{some_answer("a"), some_answer("b")}));
  EXPECT_EQ(read_escrow_head(content(path)).owner, "node_1");
  EXPECT_NE(logged.find("escrow_file_gone"), std::string::npos);
  EXPECT_TRUE(inspect_escrow(path, store).at(0).in_use) << "locked again";
  ASSERT_TRUE(done(escrow->remove(AttemptId{"att_a"})));
  EXPECT_EQ(read_escrow(content(path)).pending, std::vector{some_answer("b")});
  EXPECT_TRUE(escrow->reserve());
}

TEST_F(EscrowFileTest, a_file_that_was_removed_is_written_anew_at_the_next_look) {
  const auto escrow = open("node_1");
  ASSERT_TRUE(done(escrow->put(some_answer("a"))));
  fs::remove(path);
  ASSERT_TRUE(done(escrow->adopt()));
  EXPECT_EQ(read_escrow(content(path)).pending, std::vector{some_answer("a")});
}

TEST_F(EscrowFileTest, a_file_that_was_replaced_by_a_copy_is_not_taken_for_a_dead_processs) {
  const auto escrow = open("node_1");
  ASSERT_TRUE(done(escrow->put(some_answer("a"))));
  fs::copy(path, folder / "copy");
  fs::rename(folder / "copy", path);
  ASSERT_TRUE(done(escrow->put(some_answer("b"))));
  EXPECT_TRUE(done(escrow->adopt()).value().empty()) << "the owner that the copy names lives";
  EXPECT_EQ(read_escrow(content(path.string() + ".1")).pending, (std::vector{some_answer("a"), some_answer("b")}));
  EXPECT_EQ(escrow->pending().size(), 2U);
}

TEST_F(EscrowFileTest, where_another_process_took_the_place_meanwhile_it_moves_to_the_next) {
  const auto first = open("node_1");
  ASSERT_TRUE(done(first->put(some_answer("a"))));
  fs::remove(path);
  const auto second = open("node_2");
  EXPECT_TRUE(second->pending().empty());
  ASSERT_TRUE(done(first->adopt()));
  ASSERT_TRUE(done(second->put(some_answer("b"))));
  EXPECT_EQ(read_escrow(content(path)).pending, std::vector{some_answer("b")});
  EXPECT_EQ(read_escrow(content(path.string() + ".1")).pending, std::vector{some_answer("a")});
  EXPECT_TRUE(done(second->adopt()).value().empty()) << "both live";
}

TEST_F(EscrowFileTest, an_answer_whose_file_cannot_be_written_anew_is_refused_and_kept_by_nobody) {
  const auto escrow = open("node_1");
  ASSERT_TRUE(done(escrow->put(some_answer("a"))));
  fs::rename(folder, folder.string() + ".away");
  const auto put = done(escrow->put(some_answer("b")));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, Errc::store_unavailable);
  EXPECT_EQ(escrow->pending(), std::vector{some_answer("a")}) << "it is put again by whoever has it in memory";
  EXPECT_FALSE(escrow->reserve()) << "nothing is sent whose answer would go nowhere";
  fs::create_directory(folder);
  ASSERT_TRUE(done(escrow->put(some_answer("b"))));
  EXPECT_TRUE(escrow->reserve());
  EXPECT_EQ(read_escrow(content(path)).pending, (std::vector{some_answer("a"), some_answer("b")}));
  fs::remove_all(folder.string() + ".away");
}

// --- the dead ---

TEST_F(EscrowFileTest, an_owner_is_named_until_it_is_settled_however_many_processes_die_before_that) {
  open("node_1");
  open("node_2");
  {
    const auto third = open("node_3");
    ASSERT_TRUE(done(third->put(some_answer("a"))));
    ASSERT_TRUE(done(third->remove(AttemptId{"att_a"}))) << "a compaction forgets nobody";
  }
  const auto fourth = open("node_4");
  auto dead = done(fourth->adopt()).value();
  std::ranges::sort(dead);
  EXPECT_EQ(dead, (std::vector<std::string>{"node_1", "node_2", "node_3"}));
  ASSERT_TRUE(done(fourth->settled("node_1")));
  EXPECT_EQ(done(fourth->adopt()).value().size(), 2U);
}

TEST_F(EscrowFileTest, what_is_settled_is_not_named_again) {
  open("node_1");
  {
    const auto second = open("node_2");
    ASSERT_TRUE(done(second->settled("node_1")));
  }
  EXPECT_EQ(done(open("node_3")->adopt()).value(), std::vector<std::string>{"node_2"});
}

TEST_F(EscrowFileTest, owners_that_a_dead_process_had_to_settle_are_taken_over_with_its_file) {
  auto first = open("node_1");
  write(path.string() + ".1", head_of("node_2") + owner_frame("node_0"));
  EXPECT_EQ(done(first->adopt()).value(), (std::vector<std::string>{"node_2", "node_0"}));
  EXPECT_EQ(content(path.string() + ".1"), "");
  first.reset();
  EXPECT_EQ(done(open("node_3")->adopt()).value().size(), 3U);
}

TEST_F(EscrowFileTest, a_start_without_room_forgets_no_owner) {
  open("node_1");
  fs::create_directories(path.string() + ".compact/full");  // nothing can be prepared there
  open("node_2");
  fs::remove_all(path.string() + ".compact");
  auto dead = done(open("node_3")->adopt()).value();
  std::ranges::sort(dead);
  EXPECT_EQ(dead, (std::vector<std::string>{"node_1", "node_2"}));
}

TEST_F(EscrowFileTest, a_compaction_that_was_cut_in_the_middle_is_no_damage) {
  const std::string answers = answer_frame(some_answer("a")) + answer_frame(some_answer("b"));
  const std::string old = head_of("node_1") + answer_frame(some_answer("done", 5000)) + answers;
  for (std::size_t cut = 0; cut < escrow_head_bytes + answers.size(); cut += 7) {
    const std::string fresh =
        head_of("node_2") + answers + std::string(old.size() - escrow_head_bytes - answers.size(), '\0');
    write(path, fresh.substr(0, cut) + old.substr(cut));
    write(path.string() + ".compact", head_of({}) + answers);
    const auto escrow = open("node_3");
    EXPECT_EQ(escrow->status().damaged, 0U) << cut;
    EXPECT_TRUE(escrow->holds(ConnectionId{"con_a"})) << cut;
    EXPECT_TRUE(escrow->holds(ConnectionId{"con_b"})) << cut;
    EXPECT_FALSE(fs::exists(path.string() + ".damaged")) << cut;
  }
}

}  // namespace
}  // namespace evergrant::test
