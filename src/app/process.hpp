// What the process does about itself: no core dumps, private files, an orderly end on a signal.
#pragma once

#include <functional>

namespace evergrant {

// No core image, no ptrace by others, files private by default, SIGPIPE ignored. Call it first in main.
void harden_process();

// Blocks SIGINT and SIGTERM for this thread and those it starts later, so that `wait_for_stop` receives them.
void block_stop_signals();
// Waits for SIGINT or SIGTERM. A second one while the program stops ends it at once.
void wait_for_stop();

}  // namespace evergrant
