#include <charconv>

#include "base/contains.hpp"
#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "lifecycle/connect_impl.hpp"
#include "oauth/user_info.hpp"

namespace evergrant {
namespace {

// It was made to answer the request of a moment ago (IDT-09).
constexpr Duration oldest_id_token{std::chrono::minutes{10}};

// IDT-13, IDT-14: what the authorization request asked for is what the token must show.
void add_what_was_asked(const Registration& registration, IdTokenExpectation& expectation) {
  const auto& extra = registration.provider.authorize.extra_parameters;
  if (const auto acr = extra.find("acr_values"); acr != extra.end() && !acr->second.empty()) {
    expectation.acr_values = split(acr->second, ' ');
  }
  const auto age = extra.find("max_age");
  if (age == extra.end() || age->second.empty()) return;
  std::int64_t seconds = 0;  // digits only: build_authorization_url saw to it
  std::from_chars(age->second.data(), age->second.data() + age->second.size(), seconds);
  expectation.max_age = std::chrono::seconds{seconds};
}

}  // namespace

// Whom the new grant is about, by the ID token and where it is needed by UserInfo, and what is kept of that.
Task<Result<RealmClues>> Connector::Impl::identify(const Registration& registration, const ConnectSession& session,
                                                   ResolvedProvider resolved, Endpoints endpoints, NewGrant& grant,
                                                   std::map<std::string, std::string> callback_extras, std::string nonce) {
  const Provider& provider = registration.provider;
  RealmClues clues{.callback_extras = std::move(callback_extras), .id_token_claims = {}, .subject = {}, .user_info = {}};
  if (grant.tokens.id_token && !resolved.issuer.empty()) {  // where no issuer is known, nobody asked for one
    std::optional<std::string> claimed_realm;
    if (const auto extra = clues.callback_extras.find(provider.realm.field); extra != clues.callback_extras.end())
      claimed_realm = extra->second;
    auto claims = co_await check_id_token(registration, resolved, grant.tokens, std::move(nonce), claimed_realm);
    if (!claims) co_return std::unexpected(claims.error());
    grant.issuer = claims->issuer;
    grant.subject = claims->subject;
    if (!claims->nonce.empty()) grant.sign_in_nonce = hex_encode(sha256(claims->nonce));
    grant.signed_in_at = claims->auth_time;
    clues.subject = claims->subject;
    clues.id_token_claims = claims->others;
    if (claims->realm) clues.id_token_claims[provider.realm.id_token_claim] = *claims->realm;
    clues.id_token_claims["sub"] = claims->subject;
  } else if (contains(session.scope, "openid") && !resolved.issuer.empty()) {
    co_return fail(Errc::provider_rejected, "the provider sent no ID token although 'openid' was asked for",
                   "leave 'openid' out of the scopes if this provider has no ID tokens");
  }
  resolved.endpoints = std::move(endpoints);
  const KnownUser user{.subject = clues.subject, .claims = clues.id_token_claims};
  auto info = co_await ask_user_info(registration, std::move(resolved), grant.tokens, user);
  if (!info) co_return std::unexpected(info.error());
  clues.user_info = std::move(*info);
  grant.claims = kept_claims(registration, user, clues.user_info.value_or(boost::json::object{}));
  co_return clues;
}

// Nothing where it is not needed, or not to be had and only claims to show would come from it.
Task<Result<std::optional<boost::json::object>>> Connector::Impl::ask_user_info(const Registration& registration,
                                                                                ResolvedProvider resolved,
                                                                                const TokenSet& tokens_of_grant,
                                                                                const KnownUser& user) {
  if (!needs_user_info(registration, resolved, tokens_of_grant, user)) co_return std::nullopt;
  UserInfoQuestion question{.url = resolved.endpoints.userinfo,
                            .access_token = tokens_of_grant.access_token.clone(),
                            .realm = {},
                            .subject = user.subject,
                            .now = parts.clock.now()};
  auto info =
      co_await fetch_user_info(parts.transport, parts.directory, registration, std::move(resolved), std::move(question));
  if (info) co_return std::move(*info);
  Error& why = info.error();
  const bool needed = registration.provider.realm.source == RealmSource::userinfo;
  if (!needed && why.code != Errc::forbidden) {
    parts.log.warning("user_info_missing", {{"registration", registration.id.str()}, {"reason", why.message}});
    co_return std::nullopt;
  }
  if (why.code == Errc::unauthenticated) why.code = Errc::provider_rejected;  // our caller's credentials were good
  co_return std::unexpected(std::move(why));
}

Task<Result<IdTokenClaims>> Connector::Impl::check_id_token(const Registration& registration, ResolvedProvider resolved,
                                                            const TokenSet& tokens_of_grant, std::string nonce,
                                                            std::optional<std::string> realm) {
  auto expectation = id_token_expectation(registration, resolved, parts.clock.now());
  expectation.nonce = std::move(nonce);
  expectation.access_token = tokens_of_grant.access_token.clone();
  expectation.realm = std::move(realm);
  expectation.oldest = oldest_id_token;
  add_what_was_asked(registration, expectation);
  co_return co_await validate_id_token(tokens_of_grant.id_token->clone(), registration, std::move(resolved),
                                       std::move(expectation), parts.directory);
}

}  // namespace evergrant
