// What a thread is called in top, ps, perf and a debugger.
#pragma once

#include <pthread.h>

namespace evergrant {

// Of the thread that asks: at most 15 letters, or it stays as it was.
inline void name_this_thread(const char* name) noexcept { static_cast<void>(::pthread_setname_np(::pthread_self(), name)); }

}  // namespace evergrant
