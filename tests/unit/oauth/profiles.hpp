// Provider profiles that several tests start from.
#pragma once

#include <filesystem>

#include "model/provider.hpp"

namespace evergrant::test {

inline const std::filesystem::path shipped_profiles = std::filesystem::path{EVERGRANT_SOURCE_DIR} / "providers";

// Nothing in it is wrong.
inline Provider sound_profile() {
  Provider p;
  p.endpoints.authorize = "https://x.example/a";
  p.endpoints.token = "https://x.example/t";
  p.endpoints.revoke = "https://x.example/r";
  return p;
}

}  // namespace evergrant::test
