// The escrow on a real disk: what was put is there for the next process, a dead process's file is taken over and a living
// one's is not, and its bound refuses new requests and no answer.
#include "store/escrow_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "store/escrow_frames.hpp"
#include "support/virtual_time.hpp"

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
    auto escrow = open_file_escrow({.path = path, .owner = owner, .capacity = capacity, .inline_execution = true}, *log);
    if (!escrow) throw std::runtime_error(escrow.error().message);
    return std::move(*escrow);
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
};

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
  second->settled("node_1");
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
  EXPECT_EQ(inspect_escrow(path).at(0).damaged, 1U);
  {
    const auto escrow = open("node_2");
    EXPECT_EQ(escrow->pending(), (std::vector{some_answer("a"), some_answer("c")}));
    EXPECT_EQ(escrow->status().damaged, 1U);
  }
  EXPECT_NE(logged.find("escrow_record_damaged"), std::string::npos);
  EXPECT_EQ(content(path.string() + ".damaged").size(), answer_frame(some_answer("b")).size());
  EXPECT_TRUE(inspect_escrow(path).at(0).set_aside);
  EXPECT_EQ(open("node_3")->pending().size(), 2U);
}

TEST_F(EscrowFileTest, a_crash_in_the_middle_of_a_compaction_loses_nothing) {
  write(path, escrow_head("node_1"));  // cut, and not yet written again
  write(path.string() + ".compact", escrow_head({}) + answer_frame(some_answer("a")));
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
    EXPECT_TRUE(inspect_escrow(path).at(0).foreign);
  }
}

TEST_F(EscrowFileTest, a_first_write_that_a_crash_cut_short_is_no_foreign_file) {
  for (const std::string& bytes :
       {escrow_head("node_1").substr(0, 7), escrow_head("node_1").substr(0, 60), std::string(escrow_head_bytes, '\0')}) {
    write(path, bytes);
    ASSERT_TRUE(done(open("node_2")->put(some_answer("a"))));
    EXPECT_EQ(open("node_3")->pending().size(), 1U);
    fs::remove(path);
  }
}

TEST_F(EscrowFileTest, a_foreign_file_beside_it_is_not_taken_over) {
  const std::string other = path.string() + ".1";
  write(other, "not an escrow");
  write(path.string() + ".2", escrow_head("node_0") + answer_frame(some_answer("a")));
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
  write(path,
        escrow_head("node_1") + answer_frame(some_answer("a")) + answer_frame(some_answer("torn", 5000)).substr(0, 4000));
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
  const auto reports = inspect_escrow(path);
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

}  // namespace
}  // namespace evergrant::test
