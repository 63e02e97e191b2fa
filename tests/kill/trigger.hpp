// When the process dies, and what the disk loses with it: read from the environment at the first use.
//
//   EVERGRANT_KILL_AT      POINT:COUNT[:ANSWERS]  the COUNT-th time that POINT is passed, once ANSWERS answers of the
//   provider
//                                                 were read. Points: below. Empty: never.
//   EVERGRANT_KILL_AFTER   MICROSECONDS           this long after the first request to the provider
//   EVERGRANT_KILL_ACTION  kill | stop            stop: the process stands still (SIGSTOP) at the point, once, and may go on
//   EVERGRANT_KILL_WHEN    PATH                   points count only while this file exists
//   EVERGRANT_KILL_PORT    PORT                   the provider's
//   EVERGRANT_KILL_FOLDER  PATH                   the folder of the store
//   EVERGRANT_KILL_POWER   none | nothing | some  none: only the process dies; else what reaches the disk of the unsynced
//   EVERGRANT_KILL_DISK    honest | lies          lies: a sync makes nothing durable
//   EVERGRANT_KILL_SEED    NUMBER                 draws what reaches the disk
//
// Thread-safe: everything is done under one lock, which the dying process never gives back, so that no other thread does
// anything between the loss of power and the end.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "disk.hpp"

namespace evergrant::kill {

enum class Point : std::uint8_t {
  before_send,    // a token request is about to be sent
  in_send,        // its heading was sent, its body was not
  after_send,     // all of it was
  after_receive,  // the first bytes of its answer were read
  before_commit,  // the first frame of a transaction is about to be written
  in_commit,      // a frame was written, others may follow
  before_sync,    // all frames are written, none is synced
  after_commit,   // they are synced
  in_checkpoint,  // another file of the store than its log was written or synced
  unlocked,       // the lock of the store's writers was given back: others see what was committed
};

class Trigger {
 public:
  static Trigger& get();

  // Ends the process if this is the moment. The lock is held.
  void pass(Point point);
  void count_answer() { ++answers_; }
  void sending();  // starts the clock of EVERGRANT_KILL_AFTER
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] UnsyncedChanges* changes() { return changes_ ? &*changes_ : nullptr; }
  std::mutex& lock() { return lock_; }

 private:
  Trigger();
  void stand_still() const;
  [[noreturn]] void die(const std::string& where);

  std::mutex lock_;
  int port_ = 0;
  std::optional<Point> point_;
  std::string point_name_;
  std::string when_;
  int count_ = 0;
  int answers_wanted_ = 0;
  int answers_ = 0;
  int passed_ = 0;
  std::int64_t after_us_ = 0;
  bool stops_ = false;
  bool power_fails_ = false;
  Reaches reaches_ = Reaches::nothing;
  std::mt19937_64 random_;
  std::optional<UnsyncedChanges> changes_;
};

}  // namespace evergrant::kill
