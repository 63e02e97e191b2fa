// A connection's story for people: its events in the order in which they happened, runs of plain refreshes folded. Pure.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

namespace evergrant {

// `events`, oldest first. Rows of when, what, generation, detail. Of a run of refreshes the first and the last are shown,
// and how many were between.
[[nodiscard]] std::vector<std::vector<std::string>> timeline_rows(const boost::json::array& events);

}  // namespace evergrant
