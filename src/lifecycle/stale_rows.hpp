// Rows that are to be read again, behind readers who were served from memory: they wait for each other, a quarter of a
// second or until there are 32, so that the engine and the store's readers are not woken for each of them. (No more than
// that, since whoever else reads rows waits behind them.)
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "model/ids.hpp"

namespace evergrant {

class StaleRows {
 public:
  using Read = std::function<void(const ConnectionId&)>;
  static constexpr Duration longest_wait{250};
  static constexpr std::size_t enough = 32;

  // `read` is called on the engine, for each row once. A row waits `wait` at most, or `longest_wait`.
  StaleRows(Executor& engine, Duration wait, Read read);
  StaleRows(const StaleRows&) = delete;
  StaleRows& operator=(const StaleRows&) = delete;
  ~StaleRows();  // on the engine; what still waits is not read

  void note(const ConnectionId& id);  // any thread

 private:
  [[nodiscard]] Work work(bool by_timer) const;
  void read_all(bool by_timer);

  Executor& engine_;
  const Duration wait_;
  const Read read_;
  std::mutex mutex_;
  std::vector<ConnectionId> ids_;
  bool timer_set_ = false;
  const std::shared_ptr<StaleRows*> self_;  // what the engine's work holds on to
};

}  // namespace evergrant
