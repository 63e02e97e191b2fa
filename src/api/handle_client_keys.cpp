#include "api/handlers.hpp"
#include "base/encoding.hpp"
#include "oauth/client_keys.hpp"

namespace evergrant {

// For providers: what is registered there as jwks_uri. Whoever knows the id sees no more than the provider's log shows.
Task<Result<Reply>> Handlers::show_client_keys(Call& call) const {
  const Registration* registration = parts_.registrations.find(RegistrationId{call.path.at(0)});
  auto keys = registration == nullptr ? std::nullopt : public_key_set(*registration);
  if (!keys) {
    co_return fail(Errc::not_found, "there is no key set of '" + printable(call.path.at(0), 64) + "'",
                   R"(a registration has one where client_auth is "private_key_jwt")");
  }
  co_return Reply{.status = 200,
                  .body = std::move(*keys),
                  .content_type = "application/jwk-set+json",
                  .headers = {{"Cache-Control", "public, max-age=" + std::to_string(key_set_max_age)}}};
}

}  // namespace evergrant
