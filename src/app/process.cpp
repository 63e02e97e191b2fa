#include "app/process.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>

namespace evergrant {
namespace {

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// Idle clients must not use up what calls to providers and the store need: usually 1024 are given and far more allowed.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  constexpr rlim_t enough = 65536;  // 10 000 connections and what else is open
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, enough));
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

InheritedState harden_process() {
  InheritedState inherited;
  ::getrlimit(RLIMIT_CORE, &inherited.core);
  ::getrlimit(RLIMIT_NOFILE, &inherited.files);
  raise_descriptor_limit();
  const rlimit none{0, inherited.core.rlim_max};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  inherited.mask = ::umask(S_IRWXG | S_IRWXO);
  struct sigaction ignored{};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignored, &inherited.broken_pipe);
  return inherited;
}

void forbid_core_images() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

void restore(const InheritedState& inherited) {
  ::setrlimit(RLIMIT_CORE, &inherited.core);
  ::setrlimit(RLIMIT_NOFILE, &inherited.files);
  ::umask(inherited.mask);
  ::sigaction(SIGPIPE, &inherited.broken_pipe, nullptr);
}

void block_stop_signals() {
  const sigset_t signals = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void wait_for_stop() {
  const sigset_t signals = stop_signals();
  int received = 0;
  ::sigwait(&signals, &received);
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace evergrant
