// What the process does about itself: no core dumps, private files, an orderly end on a signal.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <csignal>

#include <functional>

namespace evergrant {

// No core image, no ptrace by others, files private by default, SIGPIPE ignored. Call it first in main.
// What a command that takes this process's place is given back.
struct InheritedState {
  rlimit core{}, files{};
  mode_t mask = 0;
  struct sigaction broken_pipe{};
};
// Gives what it changed as it was.
InheritedState harden_process();
// Before another program takes this one's place.
void restore(const InheritedState& inherited);

// For what runs long: the limit of core images cannot be raised again.
void forbid_core_images();

// Blocks SIGINT and SIGTERM for this thread and those it starts later, so that `wait_for_stop` receives them.
void block_stop_signals();
// Waits for SIGINT or SIGTERM. A second one while the program stops ends it at once.
void wait_for_stop();

}  // namespace evergrant
