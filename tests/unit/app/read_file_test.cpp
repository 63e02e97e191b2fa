#include "app/read_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace evergrant {
namespace {

class ReadFile : public ::testing::Test {
 protected:
  ReadFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "evergrant-read-file-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder = pattern;
  }
  ~ReadFile() override { std::filesystem::remove_all(folder); }
  [[nodiscard]] std::string path(const std::string& name) const { return (folder / name).string(); }
  static mode_t mode_of(const std::string& file) {
    struct stat status{};
    EXPECT_EQ(::stat(file.c_str(), &status), 0);
    return status.st_mode & 0777U;
  }
  std::filesystem::path folder;
};

TEST_F(ReadFile, reads_what_was_written_with_every_byte) {
  const std::string content = std::string(10'000, 'x') + std::string("\0\n\xFF", 3);
  ASSERT_TRUE(write_private_file(path("a"), content));
  EXPECT_EQ(read_file(path("a")).value(), content);
}

TEST_F(ReadFile, names_the_file_that_is_missing) {
  const auto content = read_file(path("none"));
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, Errc::not_found);
  EXPECT_TRUE(content.error().message.contains(path("none")));
}

TEST_F(ReadFile, a_file_beyond_a_mebibyte_is_refused) {
  std::ofstream{path("big")} << std::string((1U << 20U) + 1, 'x');
  const auto content = read_file(path("big"));
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, Errc::too_large);
  std::ofstream{path("fits")} << std::string(1U << 20U, 'x');
  EXPECT_TRUE(read_file(path("fits")));
}

TEST_F(ReadFile, a_folder_is_no_file) { EXPECT_FALSE(read_file(folder.string())); }

TEST_F(ReadFile, a_private_file_is_private_also_where_an_open_one_was) {
  std::ofstream{path("a")} << "open";
  ASSERT_EQ(::chmod(path("a").c_str(), 0644), 0);
  ASSERT_TRUE(write_private_file(path("a"), "secret"));
  EXPECT_EQ(mode_of(path("a")), 0600U);
  EXPECT_EQ(read_file(path("a")).value(), "secret");
  EXPECT_FALSE(std::filesystem::exists(path("a.new")));
}

TEST_F(ReadFile, a_write_that_fails_leaves_the_old_file) {
  ASSERT_TRUE(write_private_file(path("a"), "old"));
  std::filesystem::create_directory(path("a.new"));
  EXPECT_FALSE(write_private_file(path("a"), "new"));
  EXPECT_EQ(read_file(path("a")).value(), "old");
}

TEST_F(ReadFile, a_new_private_file_replaces_nothing) {
  ASSERT_TRUE(write_new_private_file(path("new"), "first"));
  EXPECT_EQ(mode_of(path("new")), 0600U);
  ASSERT_EQ(::chmod(path("new").c_str(), 0), 0);  // cannot be read
  std::filesystem::create_directory(path("folder"));
  std::filesystem::create_symlink(path("nothing"), path("dangling"));
  for (const char* name : {"new", "folder", "dangling"}) {
    const auto written = write_new_private_file(path(name), "second");
    ASSERT_FALSE(written) << name;
    EXPECT_EQ(written.error().code, Errc::invalid_argument) << name;
    EXPECT_TRUE(written.error().message.contains("exists already")) << written.error().message;
  }
  ASSERT_EQ(::chmod(path("new").c_str(), 0600), 0);
  EXPECT_EQ(read_file(path("new")).value(), "first");
  EXPECT_TRUE(std::filesystem::is_symlink(path("dangling")));
  EXPECT_FALSE(std::filesystem::exists(path("nothing")));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{folder}, {}), 3) << "no temporary file is left";
}

TEST_F(ReadFile, a_new_private_file_in_a_folder_that_is_not_there_is_refused) {
  const auto written = write_new_private_file(path("none/new"), "x");
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().message.contains(path("none/new")));
}

}  // namespace
}  // namespace evergrant
