#include "model/registration.hpp"

#include <algorithm>

namespace evergrant {

std::string in_message(const Registration& registration) { return "registration '" + registration.id.str() + "': "; }

std::string what_proves_client(const Registration& registration) {
  if (registration.client_keys.empty()) return "client_id and client_secret";
  return "client_id and client_key, and that the provider has read the key set at /jwks/" + registration.id.str() +
         " since the key is in it";
}

Registrations::Registrations(std::vector<Registration> all) : all_{std::move(all)} {}

const Registration* Registrations::find(const RegistrationId& id) const {
  const auto found = std::ranges::find(all_, id, &Registration::id);
  return found == all_.end() ? nullptr : &*found;
}

}  // namespace evergrant
