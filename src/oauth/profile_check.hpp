// What the fields of a profile mean together. A pure function of the profile; its test is a table.
#pragma once

#include <string>
#include <vector>

#include "model/provider.hpp"

namespace evergrant {

struct ProfileProblem {
  std::string field;  // dotted path, as in the file
  std::string text;   // what is wrong and what is expected
};

// A profile with `generic` set may lack its issuer and endpoints: a registration brings them, clears the flag, and the
// result is checked again.
[[nodiscard]] std::vector<ProfileProblem> check_profile(const Provider& provider);

}  // namespace evergrant
