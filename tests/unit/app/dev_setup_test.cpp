#include "app/dev_setup.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "app/read_file.hpp"

namespace evergrant {
namespace {

class DevSetup : public ::testing::Test {
 protected:
  DevSetup() {
    std::string pattern = (std::filesystem::temp_directory_path() / "evergrant-dev-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder = pattern;
    paths.data = folder / "data";
  }
  ~DevSetup() override { std::filesystem::remove_all(folder); }
  static mode_t mode_of(const std::filesystem::path& file) {
    struct stat status{};
    EXPECT_EQ(::stat(file.c_str(), &status), 0);
    return status.st_mode & 0777U;
  }
  std::filesystem::path folder;
  DevPaths paths;
  SystemRandom random;
};

TEST_F(DevSetup, the_key_stands_beside_the_data_whatever_the_spelling) {
  EXPECT_EQ(DevPaths{"/srv/data"}.kek(), "/srv/data.kek");
  EXPECT_EQ(DevPaths{"/srv/data/"}.kek(), "/srv/data.kek");
  EXPECT_EQ(DevPaths{"/srv/./x/../data/"}.kek(), "/srv/data.kek");
}

TEST_F(DevSetup, makes_folder_and_key_once_and_privately) {
  const auto first = prepare(paths, random);
  ASSERT_TRUE(first);
  EXPECT_TRUE(*first);
  EXPECT_EQ(mode_of(paths.data), 0700U);
  EXPECT_EQ(mode_of(paths.kek()), 0600U);
  const auto key = read_file(paths.kek().string());
  const auto second = prepare(paths, random);
  ASSERT_TRUE(second);
  EXPECT_FALSE(*second);
  EXPECT_EQ(read_file(paths.kek().string()), key) << "another key would open nothing";
}

TEST_F(DevSetup, data_without_its_key_is_not_given_another_one) {
  std::filesystem::create_directory(paths.data);
  std::ofstream{paths.store()} << "sealed";
  const auto prepared = prepare(paths, random);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, Errc::key_unavailable);
  EXPECT_FALSE(std::filesystem::exists(paths.kek()));
}

TEST_F(DevSetup, a_folder_that_cannot_be_made_is_named) {
  std::ofstream{folder / "file"} << "x";
  const auto prepared = prepare(DevPaths{folder / "file" / "data"}, random);
  ASSERT_FALSE(prepared);
  EXPECT_TRUE(prepared.error().message.contains("file/data"));
}

TEST_F(DevSetup, the_sandbox_registration_follows_its_port) {
  const auto catalogue = load_profiles({std::filesystem::path{EVERGRANT_SOURCE_DIR} / "providers"});
  ASSERT_TRUE(catalogue);
  const auto made = sandbox_registration(*catalogue, "http://127.0.0.1:12345", "http://127.0.0.1:8000", {"http://a/"});
  ASSERT_TRUE(made);
  const auto& provider = made->provider;
  for (const auto& url : {provider.issuer, provider.metadata_url, provider.endpoints.authorize, provider.endpoints.token,
                          provider.endpoints.revoke, provider.endpoints.jwks, provider.realm.verify_url}) {
    EXPECT_TRUE(url.starts_with("http://127.0.0.1:12345")) << url;
  }
  EXPECT_EQ(provider.inject.allowed_hosts, std::vector<std::string>{"127.0.0.1:12345"});
  EXPECT_EQ(made->redirect_uri, "http://127.0.0.1:8000/callback/sandbox");
  EXPECT_EQ(made->return_urls, std::vector<std::string>{"http://a/"});
  EXPECT_FALSE(made->scopes.empty());
}

TEST(Moved, leaves_other_origins_alone) {
  Provider provider;
  provider.endpoints.token = "https://elsewhere.example/token";
  provider.inject.allowed_hosts = {"elsewhere.example", "127.0.0.1:1"};
  const auto after = moved(provider, "http://127.0.0.1:1", "http://127.0.0.1:2");
  EXPECT_EQ(after.endpoints.token, "https://elsewhere.example/token");
  EXPECT_EQ(after.inject.allowed_hosts, (std::vector<std::string>{"elsewhere.example", "127.0.0.1:2"}));
}

}  // namespace
}  // namespace evergrant
