// The one exception of the fault kit.
#pragma once

#include <stdexcept>

namespace evergrant::testing {

// What was asked for cannot be done: an unknown connection, a fault that is none, a bench that does not start. `what()` says
// what and why, and never holds a token.
class BenchError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace evergrant::testing
