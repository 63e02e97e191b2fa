// Whether the file of a SQLite store is whole. Private to store/. See
// docs/adr/0011-the-whole-store-is-checked-behind-the-start.md.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "base/result.hpp"
#include "store/sqlite.hpp"

namespace evergrant {

// What a start looks at, at a cost that does not grow with the number of connections: the file's length, both ends of every
// table, and some connections with the ways that lead to them. Errors: invalid_argument, with what to do.
[[nodiscard]] Result<> check_briefly(Database& database);

// Every page. Takes seconds for each gigabyte. Errors: as above.
[[nodiscard]] Result<> check_whole(Database& database);

// Checks every page on a thread of its own, in the background, once; what it finds is logged. The check reads one snapshot,
// which keeps the write-ahead log from being used again: where that grows too long meanwhile, it is broken off and
// begun anew later. Thread-safe.
class WholeCheck {
 public:
  // `damaged` is set when the file is found to be damaged; then `told` is called with the verdict, on the checking thread.
  // Starts at once; the destructor breaks it off.
  WholeCheck(std::string path, std::shared_ptr<std::atomic<bool>> damaged, std::function<void(const Result<>&)> told,
             const Log& log);
  ~WholeCheck();
  WholeCheck(const WholeCheck&) = delete;
  WholeCheck& operator=(const WholeCheck&) = delete;

 private:
  enum class Outcome : std::uint8_t { over, again };
  void work();
  [[nodiscard]] Outcome look();
  void tell(const Result<>& whole, std::chrono::milliseconds took);
  [[nodiscard]] bool has_to_give_way();
  [[nodiscard]] bool wait_for_next();  // false: it is to end

  const std::string path_;
  const std::shared_ptr<std::atomic<bool>> damaged_;
  const std::function<void(const Result<>&)> told_;
  const Log& log_;
  int pages_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace evergrant
