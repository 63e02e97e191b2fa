#include "app/timeline.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

namespace json = boost::json;

json::array events(std::initializer_list<const char*> types) {
  json::array all;
  int at = 0;
  for (const auto* type : types) {
    all.push_back(json::object{{"at", "t" + std::to_string(++at)},
                               {"type", type},
                               {"generation", at},
                               {"detail", "what happened"},
                               {"correlation", at == 1 ? "tid-1" : ""}});
  }
  return all;
}

std::vector<std::string> column(const std::vector<std::vector<std::string>>& rows, std::size_t index) {
  std::vector<std::string> cells;
  for (const auto& row : rows) cells.push_back(row.at(index));
  return cells;
}

TEST(Timeline, tells_what_happened_with_the_providers_correlation_id) {
  const auto rows = timeline_rows(events({"connected"}));
  EXPECT_EQ(rows.at(0), (std::vector<std::string>{"t1", "connected", "1", "what happened [tid-1]"}));
}

TEST(Timeline, a_run_of_refreshes_is_folded_to_its_first_and_last) {
  const auto rows = timeline_rows(
      events({"connected", "refreshed", "refreshed", "refreshed", "refreshed", "refreshed", "refresh_failed", "refreshed"}));
  EXPECT_EQ(column(rows, 0), (std::vector<std::string>{"t1", "t2", "…", "t6", "t7", "t8"}));
  EXPECT_EQ(rows.at(2).at(3), "3 more refreshes");
}

TEST(Timeline, a_short_run_is_told_whole_and_one_at_the_end_is_folded_too) {
  EXPECT_EQ(column(timeline_rows(events({"refreshed", "refreshed", "refreshed"})), 0),
            (std::vector<std::string>{"t1", "t2", "t3"}));
  EXPECT_EQ(column(timeline_rows(events({"refreshed", "refreshed", "refreshed", "refreshed"})), 0),
            (std::vector<std::string>{"t1", "…", "t4"}));
}

}  // namespace
}  // namespace evergrant
