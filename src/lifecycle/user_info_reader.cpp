#include "lifecycle/user_info_reader.hpp"

#include "oauth/host_variables.hpp"
#include "oauth/metadata.hpp"
#include "oauth/user_info.hpp"

namespace evergrant {

UserInfoReader::UserInfoReader(const TokenService::Parts& parts, TokenService& tokens) : parts_{parts}, tokens_{tokens} {}

Task<Result<boost::json::object>> UserInfoReader::read(Connection connection, ReadRequest request) {
  return run_on(parts_.engine, read_here(std::move(connection), request));
}

Task<Result<boost::json::object>> UserInfoReader::read_here(Connection connection, ReadRequest request) {
  const Registration* registration = parts_.registrations.find(connection.registration);
  if (registration == nullptr) {
    co_return fail(Errc::not_found, "registration " + connection.registration.str() + " is not in the configuration");
  }
  auto lease = co_await tokens_.token(connection.id, request);
  if (!lease) co_return std::unexpected(lease.error());
  auto info = co_await ask(*registration, connection, *lease);
  if (info || info.error().code != Errc::unauthenticated) co_return info;
  lease = co_await tokens_.refresh(connection.id, lease->generation, request.deadline);
  if (!lease) co_return std::unexpected(lease.error());
  info = co_await ask(*registration, connection, *lease);
  // The provider refuses a token of a moment ago: for another reason than its age, and not for our caller's credentials.
  if (!info && info.error().code == Errc::unauthenticated) info.error().code = Errc::provider_rejected;
  co_return info;
}

Task<Result<boost::json::object>> UserInfoReader::ask(const Registration& registration, const Connection& connection,
                                                      const TokenLease& lease) {
  auto resolved = co_await parts_.directory.resolve(registration.provider);
  if (!resolved) co_return std::unexpected(resolved.error());
  auto url = fill_hosts(resolved->endpoints.userinfo, registration.provider, connection.extras);
  if (!url) co_return std::unexpected(url.error());
  UserInfoQuestion question{.url = std::move(*url),
                            .access_token = lease.access_token.clone(),
                            .realm = proven_realm(connection).str(),
                            .subject = connection.subject,
                            .now = parts_.clock.now()};
  co_return co_await fetch_user_info(parts_.transport, parts_.directory, registration, std::move(*resolved),
                                     std::move(question));
}

}  // namespace evergrant
