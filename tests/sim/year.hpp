// A year of many connections at one process: most idle, some in use. Few faults; what is shown is that keep-alive and
// refresh-ahead lose none.
#pragma once

#include <cstdint>

namespace evergrant::sim {

// Prints what it took. The exit status: 0 if every grant lives at the end.
int run_year(std::uint64_t connections);

}  // namespace evergrant::sim
