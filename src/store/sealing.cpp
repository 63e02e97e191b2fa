#include "store/sealing.hpp"

#include "crypto/aead.hpp"

namespace evergrant {

std::string associated_data(const Place& place, const KeyId& key) {
  return bind_fields({place.tenant.str(), place.registration.str(), place.realm.str(), place.connection.str(), place.field,
                      std::to_string(place.generation), key.str()});
}

Error sealed_broken_at(const ConnectionId& connection, std::string_view field) {
  return Error{Errc::sealed_broken, "The sealed " + std::string{field} + " of " + connection.str() + " does not open.",
               "It was altered, moved or cut, or its tenant was off-boarded; restore it from a backup, or connect again."};
}

Error sealed_broken_at(const Place& place) { return sealed_broken_at(place.connection, place.field); }

Result<Sealed> seal_at(const Place& place, const OpenKey& key, std::string_view plain, Random& random) {
  return seal(key.id, key.material, associated_data(place, key.id), plain, random);
}

Result<Secret> open_at(const Place& place, const OpenKey& key, const Sealed& sealed) {
  if (key.tenant != place.tenant || key.purpose != KeyPurpose::sealing) return std::unexpected(sealed_broken_at(place));
  auto plain = open(key.material, associated_data(place, key.id), sealed);
  if (!plain) return std::unexpected(sealed_broken_at(place));
  return plain;
}

Result<std::size_t> open_at(const Place& place, const OpenKey& key, const Sealed& sealed, std::span<char> out) {
  if (key.tenant != place.tenant || key.purpose != KeyPurpose::sealing) return std::unexpected(sealed_broken_at(place));
  const auto size = open_into(key.material, associated_data(place, key.id), sealed, out);
  if (!size) return std::unexpected(sealed_broken_at(place));
  return size;
}

}  // namespace evergrant
