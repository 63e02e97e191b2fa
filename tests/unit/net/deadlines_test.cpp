#include "net/deadlines.hpp"

#include <gtest/gtest.h>

#include <string>

namespace evergrant {
namespace {

using namespace std::chrono_literals;

class NamedOwner final : public Deadlines::Owner {
 public:
  NamedOwner(std::string name, std::string& told) : name_{std::move(name)}, told_{told} {}
  void on_deadline() override { told_ += name_; }
  Deadlines::Slot slot{*this};

 private:
  std::string name_;
  std::string& told_;
};

TEST(DeadlinesTest, a_deadline_that_began_earlier_passes_before_those_that_were_armed_before_it) {
  Deadlines deadlines{{10s, 10s, 10s, 10s, 10s}};
  std::string told;
  NamedOwner a{"a", told};
  NamedOwner b{"b", told};
  NamedOwner c{"c", told};
  const Deadlines::Instant start{100s};
  deadlines.arm(a.slot, Deadlines::Kind::linger, start);
  deadlines.arm(b.slot, Deadlines::Kind::linger, start + 1s);
  deadlines.arm(c.slot, Deadlines::Kind::linger, start - 9s);
  deadlines.expire(start + 1s);
  EXPECT_EQ(told, "c");
  EXPECT_FALSE(c.slot.armed());
  EXPECT_TRUE(a.slot.armed());
  deadlines.expire(start + 11s);
  EXPECT_EQ(told, "cab");
}

}  // namespace
}  // namespace evergrant
