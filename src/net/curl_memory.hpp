// libcurl's process-wide start, done once and before any handle exists: its memory then comes from an allocator that
// wipes whatever it frees, so that the headers, bodies and answers that libcurl copied do not stay behind.
#pragma once

#include "base/result.hpp"

namespace evergrant {

// Thread-safe; later calls return the first one's outcome. Error: internal.
[[nodiscard]] Result<> start_curl();

}  // namespace evergrant
