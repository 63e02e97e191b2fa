#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sandbox_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

struct SandboxStateFile : ::testing::Test {
  SandboxStateFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sandbox-state-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    options.state_file = (folder / "sandbox.json").string();
  }
  ~SandboxStateFile() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder;
  SandboxOptions options;
};

TEST_F(SandboxStateFile, grants_keys_companies_and_the_clock_outlive_the_process) {
  Tokens issued;
  std::string keys;
  boost::json::object truth;
  {
    SandboxBench first{options};
    ASSERT_TRUE(first.sandbox.open().has_value());
    issued = first.connect("42", "openid com.intuit.quickbooks.accounting");
    first.sandbox.control("POST", "/clock", R"({"advance_s":86400})");
    keys = first.get("/jwks").body;
    truth = first.grant();
  }
  SandboxBench second{options};
  ASSERT_TRUE(second.sandbox.open().has_value());
  EXPECT_EQ(second.grant(), truth);
  EXPECT_EQ(second.get("/jwks").body, keys);
  EXPECT_EQ(SandboxBench::number(SandboxBench::json(second.sandbox.control("GET", "/clock")), "offset_ms"), 86'400'000);
  EXPECT_EQ(second.refresh(issued.refresh).status, 200);
  EXPECT_EQ(second.revoke(issued.refresh).status, 200);
}

TEST_F(SandboxStateFile, a_reused_token_is_recognised_after_a_restart) {
  options.settings.rotation = Rotation::always_strict;
  Tokens first_tokens;
  {
    SandboxBench first{options};
    first_tokens = first.connect();
    EXPECT_EQ(first.refresh(first_tokens.refresh).status, 200);
  }
  SandboxBench second{options};
  ASSERT_TRUE(second.sandbox.open().has_value());
  EXPECT_EQ(second.refresh(first_tokens.refresh).status, 400);
  EXPECT_EQ(SandboxBench::text(second.grant(), "ended_by"), "reuse");
}

TEST_F(SandboxStateFile, only_its_owner_may_read_it) {
  SandboxBench bench{options};
  bench.connect();
  struct stat status{};
  ASSERT_EQ(::stat(options.state_file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(SandboxStateFile, a_file_of_something_else_is_refused_and_left_alone) {
  for (const std::string content :
       {"", "{", "[]", "{}", R"({"evergrant_sandbox":2})", R"({"evergrant_sandbox":1,"grants":5})"}) {
    std::ofstream{options.state_file} << content;
    SandboxBench bench{options};
    const auto opened = bench.sandbox.open();
    ASSERT_FALSE(opened.has_value()) << content;
    EXPECT_EQ(opened.error().code, Errc::invalid_argument);
    EXPECT_NE(opened.error().message.find("sandbox.json"), std::string::npos);
    std::ifstream again{options.state_file};
    EXPECT_EQ((std::string{std::istreambuf_iterator<char>{again}, {}}), content);
  }
}

TEST_F(SandboxStateFile, a_folder_that_cannot_be_written_does_not_stop_the_sandbox) {
  options.state_file = (folder / "missing" / "sandbox.json").string();
  SandboxBench bench{options};
  EXPECT_TRUE(bench.sandbox.open().has_value());
  EXPECT_EQ(bench.refresh(bench.connect().refresh).status, 200);
}

}  // namespace
}  // namespace evergrant::test
