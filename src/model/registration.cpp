#include "model/registration.hpp"

#include <algorithm>

namespace evergrant {

std::string in_message(const Registration& registration) { return "registration '" + registration.id.str() + "': "; }

Registrations::Registrations(std::vector<Registration> all) : all_{std::move(all)} {}

const Registration* Registrations::find(const RegistrationId& id) const {
  const auto found = std::ranges::find(all_, id, &Registration::id);
  return found == all_.end() ? nullptr : &*found;
}

}  // namespace evergrant
