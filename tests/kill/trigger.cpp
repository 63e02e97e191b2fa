#include "trigger.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <utility>

#include "real_calls.hpp"

namespace evergrant::kill {

namespace {

constexpr std::array<std::pair<std::string_view, Point>, 10> points{{{"before_send", Point::before_send},
                                                                     {"in_send", Point::in_send},
                                                                     {"after_send", Point::after_send},
                                                                     {"after_receive", Point::after_receive},
                                                                     {"before_commit", Point::before_commit},
                                                                     {"in_commit", Point::in_commit},
                                                                     {"before_sync", Point::before_sync},
                                                                     {"after_commit", Point::after_commit},
                                                                     {"in_checkpoint", Point::in_checkpoint},
                                                                     {"unlocked", Point::unlocked}}};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string{value};
}

// A wrong plan must not pass as one that was carried out.
[[noreturn]] void refuse(const std::string& what) {
  const std::string line = "kill switch: " + what + '\n';
  (void)real().write(STDERR_FILENO, line.data(), line.size());
  std::_Exit(99);
}

std::int64_t number(const std::string& text, const char* name) {
  try {
    return text.empty() ? 0 : std::stoll(text);
  } catch (const std::exception&) {
    refuse(std::string{name} + " is not a number: " + text);
  }
}

std::string next_field(std::string& rest) {
  const auto end = rest.find(':');
  std::string field = rest.substr(0, end);
  rest = end == std::string::npos ? std::string{} : rest.substr(end + 1);
  return field;
}

}  // namespace

Trigger& Trigger::get() {
  static auto* const only = new Trigger;  // never destroyed: other threads use it until the process is gone
  return *only;
}

Trigger::Trigger()
    : port_{static_cast<int>(number(variable("EVERGRANT_KILL_PORT"), "EVERGRANT_KILL_PORT"))},
      after_us_{number(variable("EVERGRANT_KILL_AFTER"), "EVERGRANT_KILL_AFTER")},
      random_{static_cast<std::uint64_t>(number(variable("EVERGRANT_KILL_SEED"), "EVERGRANT_KILL_SEED"))} {
  std::string plan = variable("EVERGRANT_KILL_AT");
  if (!plan.empty()) {
    point_name_ = next_field(plan);
    for (const auto& [name, point] : points) {
      if (name == point_name_) point_ = point;
    }
    if (!point_) refuse("no such point: " + point_name_);
    count_ = static_cast<int>(number(next_field(plan), "EVERGRANT_KILL_AT"));
    answers_wanted_ = static_cast<int>(number(next_field(plan), "EVERGRANT_KILL_AT"));
  }
  when_ = variable("EVERGRANT_KILL_WHEN");
  const std::string action = variable("EVERGRANT_KILL_ACTION");
  if (!action.empty() && action != "kill" && action != "stop") refuse("no such action: " + action);
  stops_ = action == "stop";
  const std::string power = variable("EVERGRANT_KILL_POWER");
  if (!power.empty() && power != "none" && power != "nothing" && power != "some") refuse("no such power: " + power);
  power_fails_ = power == "nothing" || power == "some";
  reaches_ = power == "some" ? Reaches::some : Reaches::nothing;
  const std::string disk = variable("EVERGRANT_KILL_DISK");
  if (!disk.empty() && disk != "honest" && disk != "lies") refuse("no such disk: " + disk);
  const std::string folder = variable("EVERGRANT_KILL_FOLDER");
  if (!folder.empty()) changes_.emplace(folder, disk == "lies" ? Disk::lies : Disk::honest);
  if (folder.empty() && power_fails_) refuse("a loss of power needs EVERGRANT_KILL_FOLDER");
}

void Trigger::pass(Point point) {
  if (point_ != point || answers_ < answers_wanted_) return;
  if (!when_.empty() && ::access(when_.c_str(), F_OK) != 0) return;
  if (++passed_ != count_) return;
  if (!stops_) die(point_name_);
  stand_still();
}

// The signal goes to this thread: one to the process goes to its first thread, and until that runs, on a busy machine, this
// one would go on, past the point.
void Trigger::stand_still() const {
  const std::string line = "stopped at " + point_name_ + '\n';
  (void)real().write(STDERR_FILENO, line.data(), line.size());
  ::raise(SIGSTOP);
}

void Trigger::sending() {
  if (after_us_ == 0) return;
  std::thread{[this, pause = std::chrono::microseconds{std::exchange(after_us_, 0)}] {
    const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const itimerspec once{.it_interval = {},
                          .it_value = {.tv_sec = pause.count() / 1'000'000, .tv_nsec = pause.count() % 1'000'000 * 1000}};
    std::uint64_t ticks = 0;
    if (::timerfd_settime(timer, 0, &once, nullptr) != 0 || ::read(timer, &ticks, sizeof ticks) < 0) refuse("no timer");
    const std::scoped_lock held{lock_};
    die("random moment");
  }}.detach();
}

void Trigger::die(const std::string& where) {
  std::string line = "killed at " + where;
  if (power_fails_) {
    const LossReport lost = changes_->lose_power(reaches_, random_);
    line += ", " + std::to_string(lost.unsynced) + " unsynced, " + std::to_string(lost.kept) + " kept";
  }
  line += '\n';
  (void)real().write(STDERR_FILENO, line.data(), line.size());
  ::kill(::getpid(), SIGKILL);
  while (true) ::pause();
}

}  // namespace evergrant::kill
