#include "oauth/realm_rules.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/encoding.hpp"
#include "crypto/strict_json.hpp"
#include "oauth/api_request.hpp"
#include "oauth/host_variables.hpp"
#include "oauth/json_member.hpp"
#include "oauth/profile_url.hpp"
#include "oauth/request_body.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::size_t max_realm = 500;

std::unexpected<Error> no_realm(const Registration& registration) {
  const std::string& field = registration.provider.realm.field;
  return fail(Errc::invalid_argument, "the provider did not say which account was connected: '" + field + "' is missing",
              "connect again, and choose an account at the provider");
}

std::optional<std::string> member_text(const json::value& root, std::string_view path) {
  const auto* value = member_at(root, path);
  return value == nullptr ? std::nullopt : text_of(*value);
}

std::optional<std::string> find(const std::map<std::string, std::string>& all, const std::string& name) {
  const auto found = all.find(name);
  if (found == all.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::optional<std::string> in_token_answer(const TokenSet& tokens, const std::string& field) {
  if (auto shown = find(tokens.extras, field)) return shown;
  if (tokens.raw_extras.empty()) return std::nullopt;
  auto value = parse_strict_json(tokens.raw_extras.reveal());
  if (!value) return std::nullopt;
  const WipedJson members{std::move(*value)};
  return member_text(members.get(), field);
}

std::optional<std::string> in_id_token(const RealmClues& clues, const std::string& field) {
  if (auto claim = find(clues.id_token_claims, field)) return claim;
  if (field == "sub" && !clues.subject.empty()) return clues.subject;
  return std::nullopt;
}

std::optional<std::string> in_user_info(const RealmClues& clues, const std::string& field) {
  if (!clues.user_info) return std::nullopt;
  const json::value document(*clues.user_info);  // braces would make it a list of one
  return member_text(document, field);
}

bool names_host(std::string_view url) {
  const auto start = url.find("://");
  const auto authority = start == std::string_view::npos ? url : url.substr(start + 3);
  return authority.substr(0, authority.find_first_of("/?#")).contains("{realm}") || start == std::string_view::npos;
}

bool is_allowed_host(std::string_view url, const std::vector<std::string>& allowed) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return false;
  const std::string host = to_lower_ascii(std::string_view{parsed->encoded_host()});
  if (host.contains('%')) return false;
  return std::ranges::any_of(allowed, [&](std::string_view entry) {
    if (entry.starts_with("*.")) return host.size() >= entry.size() && host.ends_with(entry.substr(1));
    return host == entry;
  });
}

Result<std::string> fill_url(const Registration& registration, std::string_view url, const TokenSet& tokens,
                             const RealmClues& clues, std::string_view realm) {
  const Provider& provider = registration.provider;
  auto values = host_values(provider, "callback", clues.callback_extras);
  if (!values) return std::unexpected(values.error());
  const auto more = host_values(provider, "token_response", tokens.extras);
  if (!more) return std::unexpected(more.error());
  values->insert(more->begin(), more->end());
  const auto hosts = fill_hosts(url, provider, *values);
  if (!hosts) return hosts;
  std::string filled = fill_in(*hosts, "realm", percent_encode(realm));
  if (const auto problem = url_problem(filled, provider.allow_loopback_http)) {
    return fail(Errc::invalid_argument, "the URL that proves the account: " + *problem, "correct [realm] in the profile");
  }
  // An unproven realm must not choose where the new token is sent.
  if (names_host(*hosts) && !is_allowed_host(filled, provider.inject.allowed_hosts)) {
    return fail(Errc::forbidden, "the account names a host that is not one of this provider's",
                "inject.allowed_hosts in the profile says what is allowed");
  }
  return filled;
}

}  // namespace

Result<RealmId> checked_realm(std::string_view text) {
  const bool printable_text = is_utf8(text) && printable(text, max_realm) == text;
  if (text.empty() || text.size() > max_realm || !printable_text || text == "." || text == "..") {
    return fail(Errc::invalid_argument, "the provider's account id is not 1 to 500 printable characters", "connect again");
  }
  return RealmId{text};
}

bool comes_without_realm(const Registration& registration, const TokenSet& tokens) {
  const auto& scopes = registration.provider.realm.scopes;
  if (scopes.empty()) return false;
  return std::ranges::none_of(
      scopes, [&](const std::string& scope) { return std::ranges::find(tokens.scope, scope) != tokens.scope.end(); });
}

Result<RealmId> claimed_realm(const Registration& registration, const TokenSet& tokens, const RealmClues& clues) {
  const RealmProfile& profile = registration.provider.realm;
  std::optional<std::string> claimed;
  switch (profile.source) {
    case RealmSource::callback: claimed = find(clues.callback_extras, profile.field); break;
    case RealmSource::token_response: claimed = in_token_answer(tokens, profile.field); break;
    case RealmSource::id_token: claimed = in_id_token(clues, profile.field); break;
    case RealmSource::userinfo: claimed = in_user_info(clues, profile.field); break;
    case RealmSource::api:
    case RealmSource::none: break;
  }
  if (!claimed) return no_realm(registration);
  return checked_realm(*claimed);
}

Result<RealmId> listed_realm(const Registration& registration, const json::value& answer) {
  const RealmProfile& profile = registration.provider.realm;
  const auto* list = member_at(answer, profile.list_member);
  if (list == nullptr || !list->is_array()) {
    return fail(Errc::forbidden, "the provider's list of accounts cannot be read", "check realm.list_member in the profile");
  }
  std::vector<std::string> realms;
  for (const auto& element : list->get_array()) {
    auto realm = member_text(element, profile.field);
    if (realm && std::ranges::find(realms, *realm) == realms.end()) realms.push_back(std::move(*realm));
  }
  if (realms.empty()) return no_realm(registration);
  if (realms.size() > 1 && profile.choice == RealmChoice::only) {
    return fail(Errc::forbidden, "access was given to " + std::to_string(realms.size()) + " accounts, expected exactly one",
                "connect again and choose one account, or set realm.choice = \"first\" in the profile");
  }
  return checked_realm(realms[0]);
}

Result<OutboundRequest> build_realm_request(const Registration& registration, std::string_view url, const TokenSet& tokens,
                                            const RealmClues& clues, std::string_view realm) {
  auto filled = fill_url(registration, url, tokens, clues, realm);
  if (!filled) return std::unexpected(filled.error());
  return build_api_request(registration, std::move(*filled), tokens.access_token, realm);
}

Result<> judge_realm_answer(const Result<HttpResponse>& response) {
  const std::string again = "try again; nothing was stored";
  if (!response) {
    if (response.error().code == Errc::invalid_argument) return std::unexpected(response.error());
    return fail(Errc::provider_unavailable, "the connected account could not be verified: " + response.error().message,
                again);
  }
  const int status = response->status;
  if (status == 200) return {};
  const std::string said = "the connected account could not be verified: the provider answered " + std::to_string(status);
  if (status == 401 || status == 403 || status == 404) {
    return fail(Errc::forbidden, said, "connect again with an account that you may open; nothing was stored");
  }
  if (status == 408 || status == 425 || status == 429 || status >= 500) {
    return fail(Errc::provider_unavailable, said, again);
  }
  return fail(Errc::provider_rejected, said, "check [realm] in the profile; nothing was stored");
}

Result<> compare_verified(const Registration& registration, const RealmId& realm, const HttpResponse& answer) {
  const std::string& member = registration.provider.realm.verify_member;
  if (member.empty()) return {};
  const auto body = parse_strict_json(answer.body);
  const auto found = body ? member_text(*body, member) : std::nullopt;
  if (found == realm.str()) return {};
  return fail(Errc::forbidden, "the token opens another account than the one that the provider named",
              "connect again; nothing was stored");
}

Result<bool> compare_claim(const Registration& registration, const RealmId& realm, const RealmClues& clues) {
  const std::string& name = registration.provider.realm.id_token_claim;
  const auto claim = name.empty() ? std::nullopt : find(clues.id_token_claims, name);
  if (!claim) return false;
  if (*claim == realm.str()) return true;
  return fail(Errc::forbidden, "the ID token names another account than the provider's answer",
              "connect again; nothing was stored");
}

}  // namespace evergrant
