#include "lifecycle/registration_watch.hpp"

namespace evergrant {

Task<void> RegistrationWatch::run() {
  while (!stopping_ && every_ > Duration{0}) {  // ends with `stop`
    wake_ = Completion<bool>{};
    const Executor::TimerId timer = executor_.call_after(every_, [wake = wake_] { wake.set(true); });
    co_await wake_;
    executor_.cancel(timer);
    if (stopping_) co_return;
    const auto followed = co_await refresher_.follow_registrations();
    if (!followed) log_.debug("registrations_not_followed", {{"code", to_string(followed.error().code)}});
  }
}

void RegistrationWatch::stop() {
  stopping_ = true;
  wake_.set(true);
}

}  // namespace evergrant
