#include "lifecycle/registration_watch.hpp"

namespace evergrant {

Task<void> RegistrationWatch::run() {
  if (!others_write_) co_return;
  co_await periodic_.run([this] { return follow(); });
}

Task<void> RegistrationWatch::follow() {
  const auto followed = co_await refresher_.follow_registrations();
  if (!followed) log_.debug("registrations_not_followed", {{"code", to_string(followed.error().code)}});
}

}  // namespace evergrant
