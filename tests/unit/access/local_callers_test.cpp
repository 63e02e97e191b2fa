#include "access/local_callers.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

LocalCaller local(std::uint32_t uid, const char* name) {
  LocalCaller one{.uid = uid, .caller = {}};
  one.caller.id = local_id(name);
  one.caller.name = name;
  return one;
}

TEST(LocalCallers, a_peer_is_known_by_its_user_alone) {
  const LocalCallers callers{{local(1000, "app"), local(0, "root")}};
  EXPECT_EQ((*callers.authenticate({.uid = 1000, .gid = 5, .pid = 9}))->id, CallerId{"local:app"});
  EXPECT_EQ((*callers.authenticate({.uid = 0, .gid = 0, .pid = 1}))->id, CallerId{"local:root"});
}

TEST(LocalCallers, a_user_that_is_not_listed_is_told_what_to_add) {
  const LocalCallers callers{{local(1000, "app")}};
  const auto stranger = callers.authenticate({.uid = 1001, .gid = 1000, .pid = 9});
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, Errc::unauthenticated);
  EXPECT_TRUE(stranger.error().hint.contains("uid = 1001"));
  EXPECT_FALSE(LocalCallers{}.authenticate({.uid = 0, .gid = 0, .pid = 1})) << "root is nobody special";
}

TEST(LocalCallers, are_found_by_id) {
  const LocalCallers callers{{local(1000, "app")}};
  EXPECT_EQ(callers.find(CallerId{"local:app"})->name, "app");
  EXPECT_EQ(callers.find(CallerId{"local:other"}).error().code, Errc::not_found);
  EXPECT_TRUE(is_local(CallerId{"local:app"}));
  EXPECT_FALSE(is_local(CallerId{"cal_local:app"}));
}

}  // namespace
}  // namespace evergrant
