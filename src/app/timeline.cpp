#include "app/timeline.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "app/cli.hpp"

namespace evergrant {
namespace {

constexpr std::size_t shortest_fold = 4;  // a fold of two rows would save one line and hide two

std::vector<std::string> row_of(const boost::json::value& event) {
  const auto correlation = text_of(event, "correlation");
  const auto pair = text_of(event, "pair");
  return {
      text_of(event, "at"), text_of(event, "type"), text_of(event, "generation"),
      (pair.empty() ? "" : pair + ": ") + text_of(event, "detail") + (correlation.empty() ? "" : " [" + correlation + "]")};
}

}  // namespace

std::vector<std::vector<std::string>> timeline_rows(const boost::json::array& events) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::vector<std::string>> run;
  const auto end_run = [&] {
    if (run.size() >= shortest_fold) {
      const std::string between = std::to_string(run.size() - 2);
      run = {run.front(), {"…", "", "", between + " more refreshes"}, run.back()};
    }
    std::ranges::move(run, std::back_inserter(rows));
    run.clear();
  };
  for (const auto& event : events) {
    auto row = row_of(event);
    if (text_of(event, "type") == "refreshed") {
      run.push_back(std::move(row));
      continue;
    }
    end_run();
    rows.push_back(std::move(row));
  }
  end_run();
  return rows;
}

}  // namespace evergrant
