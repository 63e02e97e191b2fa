#include "lifecycle/id_token_verifier.hpp"

#include <utility>

namespace evergrant {

IdTokenVerifier::IdTokenVerifier(Executor& engine, ProviderDirectory& directory, const Registrations& registrations,
                                 const Clock& clock)
    : engine_{engine}, directory_{directory}, registrations_{registrations}, clock_{clock} {}

Task<Result<IdTokenClaims>> IdTokenVerifier::verify(RegistrationId registration, IdTokenQuestion question) {
  return run_on(engine_, verify_here(std::move(registration), std::move(question)));
}

Task<Result<IdTokenClaims>> IdTokenVerifier::verify_here(RegistrationId registration, IdTokenQuestion question) {
  const Registration* client = registrations_.find(registration);
  if (client == nullptr)
    co_return fail(Errc::not_found, "registration " + registration.str() + " is not in the configuration");
  auto resolved = co_await directory_.resolve(client->provider);
  if (!resolved) co_return std::unexpected(resolved.error());
  IdTokenExpectation expectation = id_token_expectation(*client, *resolved, clock_.now());
  expectation.nonce = std::move(question.nonce);
  expectation.access_token = std::move(question.access_token);
  expectation.max_age = question.max_age;
  expectation.acr_values = std::move(question.acr_values);
  expectation.realm = std::move(question.realm);
  auto claims = co_await validate_id_token(std::move(question.id_token), *client, std::move(*resolved),
                                           std::move(expectation), directory_);
  if (!claims || !question.same_user) co_return claims;
  if (question.subject.empty() && !claims->realm) {
    co_return std::unexpected(Error{Errc::conflict, "nothing says whom the connection is about: it has no subject",
                                    "connect it again with 'openid' in the scopes, or leave 'connection' out"});
  }
  if (question.subject.empty()) co_return claims;
  const auto same = check_refreshed_id_token(
      *claims, {.issuer = question.issuer, .subject = question.subject, .nonce_sha256 = {}, .at = {}}, client->provider);
  if (!same) co_return std::unexpected(same.error());
  co_return claims;
}

}  // namespace evergrant
