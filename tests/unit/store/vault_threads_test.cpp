#include <atomic>
#include <thread>

#include "unit/store/vault_fixture.hpp"

namespace evergrant::test {
namespace {

TEST_F(VaultTest, serving_threads_open_while_keys_are_made_rotated_and_shredded) {
  stored("con_1", "acme");
  const auto steady = read("con_1");
  const auto place = place_of(steady, "access_token", 1);
  std::atomic<bool> stop = false;
  std::atomic<int> good = 0;
  std::atomic<int> bad = 0;
  {
    std::vector<std::jthread> serving;
    for (int i = 0; i < 3; ++i) {
      serving.emplace_back([&] {
        do {
          const auto plain = vault->open_now(place, steady.tokens.access_token);
          ++(plain && *plain && (*plain)->reveal() == "access_token of con_1" ? good : bad);
        } while (!stop);
      });
    }
    for (int i = 0; i < 20; ++i) {
      const std::string tenant = "tenant-" + std::to_string(i);
      sealed(some_place(tenant));
      EXPECT_TRUE(get(vault->rotate_tenant_key(TenantId{tenant})));
      EXPECT_TRUE(get(vault->shred_tenant(TenantId{tenant})));
    }
    EXPECT_TRUE(get(vault->rotate_tenant_key(TenantId{"acme"})));
    stop = true;
  }
  EXPECT_GT(good.load(), 0);
  EXPECT_EQ(bad.load(), 0) << "the replaced key goes on opening what it sealed";
}

}  // namespace
}  // namespace evergrant::test
