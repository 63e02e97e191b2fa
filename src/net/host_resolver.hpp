// The system's name resolution, for the serving threads' event loops.
#pragma once

#include <memory>

#include "net/upstream.hpp"

namespace evergrant {

// Each name is asked for on a thread of its own, for it may take as long as it likes. Its end waits for those.
[[nodiscard]] std::shared_ptr<HostResolver> make_system_resolver();

}  // namespace evergrant
