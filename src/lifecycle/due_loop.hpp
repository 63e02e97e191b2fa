// The scheduler: what is due, and what was left unresolved. It only starts refreshes; it waits for none of them, so one
// provider that hangs delays no other's. On the engine's executor.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "lifecycle/backlog_spread.hpp"
#include "lifecycle/refresher.hpp"
#include "lifecycle/single_flight.hpp"

namespace evergrant {

class DueLoop {
 public:
  DueLoop(Executor& executor, Store& store, Clock& clock, const Log& log, RefreshReport& report, Refresher& refresher,
          SingleFlight& flights, BacklogSpread& backlog, const Registrations& registrations, const RefreshOptions& options);
  DueLoop(const DueLoop&) = delete;
  DueLoop& operator=(const DueLoop&) = delete;

  // Until `stop`.
  Task<void> run();
  void stop();
  [[nodiscard]] bool stopping() const noexcept { return stopping_; }
  // Something may be due sooner than at the last look.
  void wake_by(Time due);
  // Starts the refresh if none is under way for its grant.
  void begin(const std::string& key, const RefreshWish& wish);

 private:
  // What the scheduler has under way for one registration. No more of it than can be sent soon, however much is due.
  struct Lane {
    int under_way = 0;
    int most = 0;
    bool has_more = false;  // was left where it is at the last look
  };
  void begin_due(Connection row, Lane& lane);
  Task<void> fly_due(std::string key, RefreshWish wish, RegistrationId registration);
  void leave_lane(const RegistrationId& registration, bool succeeded);
  Task<void> fly(std::string key, RefreshWish wish);
  Task<bool> land(std::string key, RefreshWish wish);
  Task<void> resolve(std::string key, Attempt attempt);
  Task<void> load_pauses();
  Task<Duration> recover();
  Task<Duration> look();
  Task<std::optional<Duration>> start_due(RegistrationId registration);
  Task<std::optional<Duration>> until_next_due(RegistrationId registration, int under_way);
  Task<void> sleep(Duration at_most);
  void end(const std::string& key, const Result<>& outcome);
  Task<void> look_soon();

  Executor& executor_;
  Store& store_;
  Clock& clock_;
  const Log& log_;
  RefreshReport& report_;
  Refresher& refresher_;
  SingleFlight& flights_;
  BacklogSpread& backlog_;
  const Registrations& registrations_;
  std::map<RegistrationId, Lane> lanes_;
  std::size_t found_ = 0;  // that were due, at the look under way
  bool look_again_ = false;
  Duration look_every_;
  bool stopping_ = false;
  bool look_planned_ = false;
  Time last_look_{};  // long ago: nobody has looked, this process was stopped or asleep
  Completion<bool> wake_;
  std::optional<Time> asleep_until_;
};

}  // namespace evergrant
