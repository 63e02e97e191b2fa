#include "oauth/realm_proof.hpp"

#include "crypto/strict_json.hpp"
#include "oauth/realm_rules.hpp"

namespace evergrant {
namespace {

// Something besides the browser must vouch for a realm from the callback.
bool is_vouched_for(const Provider& provider, bool claim_agrees) {
  return provider.realm.source != RealmSource::callback || claim_agrees || !provider.realm.verify_url.empty() ||
         !provider.authorize.callback_hmac_parameter.empty();
}

}  // namespace

RealmProof::RealmProof(HttpTransport& transport) : transport_{transport} {}

Task<Result<RealmId>> RealmProof::prove(const Registration& registration, const TokenSet& tokens, RealmClues clues) {
  const RealmProfile& profile = registration.provider.realm;
  if (profile.source == RealmSource::none) co_return RealmId{};
  const bool unsaid = profile.source == RealmSource::api || !claimed_realm(registration, tokens, clues);
  if (unsaid && comes_without_realm(registration, tokens)) co_return RealmId{};
  auto realm = co_await find(registration, tokens, clues);
  if (!realm) co_return std::unexpected(realm.error());
  const auto agrees = compare_claim(registration, *realm, clues);
  if (!agrees) co_return std::unexpected(agrees.error());
  if (!is_vouched_for(registration.provider, *agrees)) {
    co_return fail(Errc::forbidden, "nothing proves the account that the callback named",
                   "give realm.verify_url in the profile, or ask for 'openid'");
  }
  if (profile.verify_url.empty()) co_return std::move(*realm);
  const auto verified = co_await get(registration, profile.verify_url, tokens, clues, realm->str());
  if (!verified) co_return std::unexpected(verified.error());
  const auto same = compare_verified(registration, *realm, *verified);
  if (!same) co_return std::unexpected(same.error());
  co_return std::move(*realm);
}

Task<Result<RealmId>> RealmProof::find(const Registration& registration, const TokenSet& tokens, const RealmClues& clues) {
  const RealmProfile& profile = registration.provider.realm;
  if (profile.source != RealmSource::api) co_return claimed_realm(registration, tokens, clues);
  auto answer = co_await get(registration, profile.list_url, tokens, clues, "");
  if (!answer) co_return std::unexpected(answer.error());
  auto body = parse_strict_json(answer->body);
  if (!body) {
    co_return fail(Errc::forbidden, "the provider's answer about the account cannot be read: " + body.error().message,
                   "check [realm] in the profile; nothing was stored");
  }
  co_return listed_realm(registration, *body);
}

Task<Result<HttpResponse>> RealmProof::get(const Registration& registration, std::string url, const TokenSet& tokens,
                                           const RealmClues& clues, std::string realm) {
  auto request = build_realm_request(registration, url, tokens, clues, realm);
  if (!request) co_return std::unexpected(request.error());
  auto response = co_await transport_.send(std::move(*request));
  if (auto judged = judge_realm_answer(response); !judged) co_return std::unexpected(judged.error());
  co_return response;
}

}  // namespace evergrant
