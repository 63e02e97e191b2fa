#include "app/config_secret.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "unit/app/config_fixture.hpp"

namespace evergrant::test {
namespace {

namespace fs = std::filesystem;

class SecretFile : public testing::Test {
 protected:
  SecretFile() : path_{fs::path{testing::TempDir()} / ("evergrant_secret_" + std::to_string(::getpid()))} {}
  ~SecretFile() override { fs::remove(path_); }
  void write(std::string_view text, mode_t mode) const {
    std::ofstream{path_} << text;
    ::chmod(path_.c_str(), mode);
  }
  [[nodiscard]] SecretReference reference() const { return {.place = SecretPlace::file, .name = path_.string()}; }
  fs::path path_;
};

TEST_F(SecretFile, a_private_file_gives_its_contents_without_the_newline) {
  write("s3cret\n", 0600);
  const auto secret = resolve(reference());
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ(secret->reveal(), "s3cret");
}

TEST_F(SecretFile, a_file_that_others_may_open_is_refused_with_the_command_that_mends_it) {
  for (const mode_t mode : {0640, 0604, 0620, 0660, 0644}) {
    write("s3cret", mode);
    const auto secret = resolve(reference());
    ASSERT_FALSE(secret) << mode;
    EXPECT_NE(secret.error().message.find(path_.string()), std::string::npos);
    EXPECT_EQ(secret.error().hint, "chmod 600 " + path_.string());
  }
}

TEST_F(SecretFile, an_empty_missing_or_odd_place_is_refused_by_name) {
  write("\n", 0600);
  EXPECT_NE(resolve(reference()).error().message.find("is empty"), std::string::npos);
  EXPECT_NE(resolve({SecretPlace::file, "/nowhere/kek"}).error().message.find("/nowhere/kek"), std::string::npos);
  EXPECT_NE(resolve({SecretPlace::file, testing::TempDir()}).error().message.find("not a regular file"), std::string::npos);
  const auto unset = resolve({SecretPlace::environment, "EVERGRANT_TEST_UNSET"});
  EXPECT_EQ(unset.error().message, "environment variable EVERGRANT_TEST_UNSET is not set");
  const Variable empty{"EVERGRANT_TEST_EMPTY", ""};
  EXPECT_FALSE(resolve({SecretPlace::environment, "EVERGRANT_TEST_EMPTY"}));
}

TEST_F(SecretFile, a_systemd_credential_is_read_from_its_directory) {
  const SecretReference credential{.place = SecretPlace::credential, .name = path_.filename().string()};
  EXPECT_NE(resolve(credential).error().message.find("CREDENTIALS_DIRECTORY is not set"), std::string::npos);
  write("from systemd\n", 0440);
  const Variable directory{"CREDENTIALS_DIRECTORY", path_.parent_path().string()};
  const auto secret = resolve(credential);
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ(secret->reveal(), "from systemd");
  EXPECT_FALSE(resolve({SecretPlace::credential, "../" + credential.name}));
}

TEST(ForgottenVariable, no_longer_stands_where_the_process_was_given_it) {
  char given[] = "EVERGRANT_TEST_FORGOTTEN=canary";  // putenv keeps this very memory
  ASSERT_EQ(::putenv(given), 0);
  const SecretReference reference{.place = SecretPlace::environment, .name = "EVERGRANT_TEST_FORGOTTEN"};
  ASSERT_TRUE(resolve(reference));
  forget_variable(reference);
  const std::string_view whole{given, sizeof given};
  EXPECT_EQ(whole.find("canary"), std::string_view::npos);
  EXPECT_FALSE(resolve(reference));
  ::unsetenv("EVERGRANT_TEST_FORGOTTEN");
}

}  // namespace
}  // namespace evergrant::test
