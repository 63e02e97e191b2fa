// How far a store had come, kept in a small file outside it: a store that is behind its mark is a restored backup, whose
// refresh tokens the provider may have replaced since (docs/adr/0005).
//
// The measure is the sequence of the store's last event: every change of a token set records one. The mark is written after
// the COMMIT that it tells of, so it is never ahead of a sound store; it outlives the process, and after a power failure it
// may be a little behind, which only makes it blind to a backup that is as young. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace evergrant {

struct Mark {
  std::string store;          // the store's own id: another store's mark says nothing
  std::int64_t sequence = 0;  // of its last event
  bool operator==(const Mark&) const = default;
};

class HighWaterMark {
 public:
  explicit HighWaterMark(std::string path) : path_{std::move(path)} {}
  HighWaterMark(const HighWaterMark&) = delete;
  HighWaterMark& operator=(const HighWaterMark&) = delete;
  ~HighWaterMark();  // what was raised is synced

  // Nothing: there is no such file. Errors: invalid_argument (it is no mark), store_unavailable.
  [[nodiscard]] Result<std::optional<Mark>> read() const;
  // Replaces the file, synced. Errors: store_unavailable.
  [[nodiscard]] Result<> set(const Mark& mark);
  // Writes a higher sequence in place; a lower one is ignored. Errors: store_unavailable.
  [[nodiscard]] Result<> raise(std::int64_t sequence);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  [[nodiscard]] Result<> write(const Mark& mark, bool sync);

  const std::string path_;
  std::mutex mutex_;
  Mark last_;
  int file_ = -1;
};

}  // namespace evergrant
