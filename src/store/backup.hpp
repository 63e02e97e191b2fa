// Backups of a store: consistent copies of its file, made while a server runs on it, as sealed as the store itself: who has
// one has no token without the key-encryption key. What waits in an escrow file is not in them.
// Blocking; to be called by the command line, not by a server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace evergrant {

// Ends the reason of each connection that a restore has put on hold.
inline constexpr std::string_view restored_hold =
    "Its refresh token may have been replaced since: release the connection to try it once.";

struct BackupReport {
  std::int64_t connections = 0;  // not revoked
  std::int64_t bytes = 0;
  std::int64_t last_event = 0;
};

// Writes a new file of mode 0600, synced and checked. Errors: invalid_argument (the file exists, no store there),
// store_unavailable. Nothing is left behind where it fails.
[[nodiscard]] Result<BackupReport> back_up(const std::string& store, const std::string& file);

struct RestoreReport {
  BackupReport restored;
  std::string set_aside;  // where the store that was there before is now; empty: there was none
};

// Checks the backup and puts a copy in the store's place. A store that is there is kept beside it under another name, and
// only with `replace`. The next server that starts on it puts every active connection on hold (docs/adr/0005).
// Errors: invalid_argument, conflict (a store is there, or a server runs on it), store_unavailable.
[[nodiscard]] Result<RestoreReport> restore(const std::string& file, const std::string& store, bool replace, Time now);

}  // namespace evergrant
