// The escrow as files beside the store. Each process has a file of its own, `path`, `path.1`, `path.2` …, and holds a lock
// on it while it lives: the kernel frees the lock when the process ends, however it ends. A file whose lock can be had
// belonged to a process that is dead; its answers are taken over, and the leases of the owner that it names may be freed.
//
// Writing happens on a thread of its own, file and folder are synced before a task completes, the mode is 0600. The room is
// allocated at the start, so that the full disk that makes the store refuse does not take the escrow with it; only what is
// allocated is reserved for a request. A file that somebody removes or replaces is written anew.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "store/escrow.hpp"

namespace evergrant {

struct EscrowOptions {
  std::filesystem::path path;
  std::string store;                            // whose answers these are: its id
  std::string owner;                            // of this process's leases
  std::int64_t capacity = 16LL << 20U;          // bytes; beyond it no new request is let out
  std::int64_t room_for_one = 16LL << 10U;      // reserved for one answer; a longer one is taken all the same
  bool inline_execution = false;                // on the caller's thread: for tests
  std::function<bool(std::int64_t)> disk_room;  // whether the disk gives so many bytes: for tests; none: it is asked
};

// Blocking: call it at start-up. Errors: store_unavailable, forbidden, invalid_argument (a file that is no escrow, or a
// newer version's), conflict (another store's), each naming the file, which is left as it is.
[[nodiscard]] Result<std::unique_ptr<Escrow>> open_file_escrow(EscrowOptions options, const Log& log);

struct EscrowFileReport {
  std::filesystem::path file;
  bool in_use = false;  // by a process that lives
  std::size_t answers = 0;
  std::int64_t bytes = 0;
  std::size_t damaged = 0;       // records
  bool set_aside = false;        // earlier damage lies in `file`.damaged
  std::int64_t room = 0;         // bytes that the disk has set aside for it
  std::optional<Error> foreign;  // no escrow, or another store's: nothing writes there
};
// What lies there, without changing anything. `store`: its id; empty: not known. Blocking.
[[nodiscard]] std::vector<EscrowFileReport> inspect_escrow(const std::filesystem::path& path, std::string_view store);

}  // namespace evergrant
