// What happened to a connection is told with its generation, the provider's correlation id and a sentence.
#include <gtest/gtest.h>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class EventSentences : public RefreshBench {
 protected:
  std::vector<Event> events(const std::string& type) {
    std::vector<Event> found;
    for (Event& event : run(node().executor, sqlite->events({}, std::nullopt, {}, 1000)).value().items) {
      if (event.type == type) found.push_back(std::move(event));
    }
    return found;
  }
};

TEST_F(EventSentences, a_rotation_that_the_profile_excludes_is_told_and_the_new_token_kept) {
  profile(Rotation::never);
  connect("con_1");
  provider->rotation = Rotation::always_with_grace;
  let_pass(2h);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  const auto told = events("unexpected_rotation");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].connection, ConnectionId{"con_1"});
  EXPECT_EQ(told[0].generation, 2);
  EXPECT_EQ(told[0].code, "unexpected_rotation");
  EXPECT_FALSE(told[0].detail.empty());
  let_pass(2h);
  EXPECT_EQ(text(read("con_1")), "at-con_1-3");
}

TEST_F(EventSentences, a_rotation_that_the_profile_knows_is_no_news) {
  connect("con_1");
  let_pass(2h);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_TRUE(events("unexpected_rotation").empty());
  EXPECT_EQ(events("refreshed").size(), 1U);
}

TEST_F(EventSentences, a_pause_of_a_registration_and_its_end_are_told) {
  options.forced_interval = 0s;
  connect("con_1");
  provider->answer_next(401, R"({"error":"invalid_client","error_description":"who?"})");
  EXPECT_EQ(text(force("con_1")), "registration_paused");
  const auto paused = events("registration_paused");
  ASSERT_EQ(paused.size(), 1U);
  EXPECT_EQ(paused[0].registration, RegistrationId{"books"});
  EXPECT_EQ(paused[0].code, "invalid_client");
  EXPECT_TRUE(paused[0].detail.starts_with("The provider refuses our client (invalid_client: who?).")) << paused[0].detail;
  EXPECT_TRUE(events("registration_resumed").empty());
  start_scheduler();
  let_pass(10min);
  EXPECT_EQ(events("registration_resumed").size(), 1U);
  EXPECT_EQ(events("registration_paused").size(), 1U);
}

TEST_F(EventSentences, an_operators_resume_is_told) {
  connect("con_1");
  provider->answer_next(401, R"({"error":"invalid_client"})");
  (void)force("con_1");
  ASSERT_TRUE(run(node().executor, node().service.resume(RegistrationId{"books"})));
  const auto told = events("registration_resumed");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].detail, "An operator resumed the registration: its requests are sent again.");
}

}  // namespace
}  // namespace evergrant::test
