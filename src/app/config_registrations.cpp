#include "app/config_registrations.hpp"

#include <algorithm>

#include "app/config_client_keys.hpp"
#include "base/contains.hpp"
#include "base/encoding.hpp"
#include "oauth/client_assertion.hpp"
#include "oauth/security_policy.hpp"
#include "oauth/shared_secret.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_claim = 200;

class Maker {
 public:
  Maker(const Config& config, const ProviderCatalogue& catalogue, const SecretReader& read, TomlReading& reading)
      : config_{config}, catalogue_{catalogue}, read_{read}, reading_{reading} {}

  Registration make(const RegistrationConfig& from);

 private:
  std::optional<Provider> provider_of(const RegistrationConfig& from);
  void tell_unknown_provider(const RegistrationConfig& from);
  void add_settings(const RegistrationConfig& from, Provider& provider);
  void add_defaults(Provider& provider) const;
  void add_secret(const RegistrationConfig& from, std::string_view field, const SecretReference& reference,
                  Registration& to);
  void check_client_auth(const RegistrationConfig& from, ClientAuth method);
  void check_claims(const RegistrationConfig& from, const Registration& made);
  void check_shared_secrets(const RegistrationConfig& from, const Registration& made);
  void check_assertion_life(const RegistrationConfig& from, const Registration& made);
  void check_security(const RegistrationConfig& from, const Registration& made);
  void check_response_mode(const RegistrationConfig& from, ResponseMode mode);
  void problem(const RegistrationConfig& from, std::string_view field, const std::string& text) {
    TomlTable{reading_, from.origin, "registration"}.problem(field, text);
  }

  const Config& config_;
  const ProviderCatalogue& catalogue_;
  const SecretReader& read_;
  TomlReading& reading_;
};

void Maker::tell_unknown_provider(const RegistrationConfig& from) {
  const auto environments = catalogue_.environments(ProviderId{from.provider});
  if (!environments.empty()) {
    return problem(from, "environment",
                   "\"" + printable(from.environment, 60) + "\" is not an environment of " + from.provider + ", expected " +
                       join(environments, " or "));
  }
  const auto ids = catalogue_.ids();
  const auto near = nearest_name(from.provider, ids);
  problem(from, "provider",
          "\"" + printable(from.provider, 60) + "\" is not known; " +
              (near.empty() ? "known: " + join(ids, ", ") : "did you mean \"" + near + "\"?"));
}

std::optional<Provider> Maker::provider_of(const RegistrationConfig& from) {
  const Provider* found = catalogue_.find(ProviderId{from.provider}, from.environment);
  if (found != nullptr) return *found;
  tell_unknown_provider(from);
  return std::nullopt;
}

void Maker::add_settings(const RegistrationConfig& from, Provider& provider) {
  TomlNode settings = from.settings;
  merge_toml(settings, from.profile);
  if (settings.members.empty() && !provider.generic) return;
  // Nothing can be revoked where a plain OAuth server names no endpoint for it.
  const bool finds_revocation =
      provider.metadata_mode != MetadataMode::fixed || !locate(settings, "endpoints.revoke").text.empty();
  if (provider.generic && !finds_revocation) provider.revoke.style = RevokeStyle::none;
  provider.generic = false;
  override_profile(reading_, settings, from.profile.members.empty() ? "registration" : "registration.profile", provider);
}

void Maker::add_defaults(Provider& provider) const {
  const auto& defaults = config_.refresh_defaults;
  RefreshProfile& refresh = provider.refresh;
  if (refresh.advisory_margin == Duration{0}) refresh.advisory_margin = defaults.advisory_margin;
  if (refresh.mandatory_margin == Duration{0}) refresh.mandatory_margin = defaults.mandatory_margin;
  if (refresh.max_rate_per_second == 0) refresh.max_rate_per_second = defaults.max_rate_per_second;
}

void Maker::add_secret(const RegistrationConfig& from, std::string_view field, const SecretReference& reference,
                       Registration& to) {
  if (reference.empty()) return;
  auto secret = read_(reference);
  if (!secret) {
    const auto& error = secret.error();
    return problem(from, field, error.message + (error.hint.empty() ? "" : " (" + error.hint + ")"));
  }
  const bool newest = to.client_secrets.empty();
  to.client_secrets.push_back(
      {.value = std::move(*secret), .expires_at = newest ? from.client_secret_expires_at : std::nullopt});
}

void Maker::check_client_auth(const RegistrationConfig& from, ClientAuth method) {
  const bool has_secret = !from.client_secret.empty();
  switch (method) {
    case ClientAuth::basic:
    case ClientAuth::post:
    case ClientAuth::secret_jwt:
      if (!has_secret) {
        problem(from, "client_secret", R"(missing; give a reference to it, or client_auth = "none" for a public client)");
      }
      return;
    case ClientAuth::none:
      if (has_secret) problem(from, "client_secret", R"(given, but client_auth is "none": a public client has no secret)");
      return;
    case ClientAuth::private_key_jwt: return;  // add_client_keys
    case ClientAuth::tls:
    case ClientAuth::self_signed_tls:  // authenticate_client refuses them; that must not wait for the first customer
      problem(from, "client_auth",
              "this way to authenticate the client is not offered; use private_key_jwt, basic, post or none");
      return;
  }
}

// A claim is kept among the connection's extras, of which some decide where tokens are sent: the user's data must not.
void Maker::check_claims(const RegistrationConfig& from, const Registration& made) {
  const bool says_who = contains(made.scopes, "openid") || made.provider.realm.source == RealmSource::userinfo;
  if (!made.claims.empty() && !made.provider.issuer.empty() && !says_who) {
    problem(from, "claims", "an OpenID provider has them only where 'openid' is among the scopes");
  }
  const bool has_source = !made.provider.issuer.empty() || !made.provider.endpoints.userinfo.empty();
  if (!made.claims.empty() && !has_source) {
    problem(from, "claims", "this provider has neither ID tokens nor a UserInfo endpoint to take them from");
  }
  for (const std::string& claim : made.claims) {
    if (contains(made.provider.token.kept_members, claim)) {
      problem(from, "claims", "\"" + claim + "\" is a member of the token answer too, and that is kept under this name");
    }
    const bool names_host = std::ranges::any_of(made.provider.host_variables, [&](const HostVariable& variable) {
      return claim == variable.name || claim == variable.field;
    });
    const bool printable_name = !claim.empty() && claim.size() <= longest_claim && printable(claim, longest_claim) == claim;
    if (!printable_name) problem(from, "claims", "\"" + printable(claim, 60) + "\" is not the name of a claim");
    if (names_host) problem(from, "claims", "\"" + claim + "\" names a host of this provider, and cannot be a claim");
  }
}

// The field says nothing of which of two secrets it is: both are keys as long as both are tried.
void Maker::check_shared_secrets(const RegistrationConfig& from, const Registration& made) {
  std::vector<std::string> algorithms = made.provider.id_token.algorithms;
  const bool signs = made.provider.token.client_auth == ClientAuth::secret_jwt;
  if (signs) algorithms.emplace_back("HS256");  // RFC 8725 3.5: client_secret_jwt
  for (const ClientSecret& secret : made.client_secrets) {
    for (const std::string& algorithm : algorithms) {
      const std::string weakness = weakness_of(secret.value, algorithm);
      if (weakness.empty()) continue;
      return problem(from, "client_secret",
                     weakness + "; have the provider make a new one, or use another " +
                         (signs && algorithm == "HS256" ? "client_auth" : "id_token.algorithms"));
    }
  }
}

// An assertion that ends while its request is under way proves nothing when it arrives.
void Maker::check_assertion_life(const RegistrationConfig& from, const Registration& made) {
  if (!proves_by_assertion(made.provider.token.client_auth) || config_.refresh.timeout <= assertion_lifetime) return;
  problem(from, "client_auth", "signs assertions that live for 60s, but refresh.timeout is longer; set it to 60s or less");
}

void Maker::check_security(const RegistrationConfig& from, const Registration& made) {
  if (made.security != SecurityLevel::strict) return;
  for (const Shortfall& found : shortfalls(made)) {
    problem(from, "security", "\"strict\" cannot be had here: " + to_text(found));
  }
}

// The callback takes GET alone: a provider that was asked to post would leave the customer at an error, after the consent.
void Maker::check_response_mode(const RegistrationConfig& from, ResponseMode mode) {
  if (mode == ResponseMode::query) return;
  problem(from, "profile.authorize.response_mode", R"(the answer cannot be taken by form_post; use "query")");
}

Registration Maker::make(const RegistrationConfig& from) {
  Registration to;
  auto provider = provider_of(from);
  if (!provider) return to;
  add_settings(from, *provider);
  add_defaults(*provider);
  check_client_auth(from, provider->token.client_auth);
  check_response_mode(from, provider->authorize.response_mode);
  add_secret(from, "client_secret", from.client_secret, to);
  add_secret(from, "previous_client_secret", from.previous_client_secret, to);
  to.id = RegistrationId{from.id};
  to.client_id = from.client_id;
  to.redirect_uri = redirect_uri(config_.public_url, from.id);
  to.scopes = from.scopes.empty() ? provider->authorize.default_scopes : from.scopes;
  to.return_urls = from.return_urls;
  to.claims = from.claims;
  to.security = from.security;
  to.keepalive = from.keepalive;
  to.notices = from.notices.value_or(config_.refresh_defaults.notices);
  to.provider = std::move(*provider);
  for (const auto& [field, text] : add_client_keys(from, read_, to)) problem(from, field, text);
  check_assertion_life(from, to);
  check_claims(from, to);
  check_shared_secrets(from, to);
  check_security(from, to);
  tighten(to.provider, to.security);
  return to;
}

}  // namespace

std::string redirect_uri(const std::string& public_url, const std::string& registration) {
  return public_url + "/callback/" + registration;
}

std::string key_set_uri(const std::string& public_url, const std::string& registration) {
  return public_url + "/jwks/" + registration;
}

Result<std::vector<Registration>> make_registrations(const Config& config, const ProviderCatalogue& catalogue,
                                                     const SecretReader& read) {
  TomlReading reading{config.file.string()};
  Maker maker{config, catalogue, read, reading};
  std::vector<Registration> all;
  for (const auto& from : config.registrations) all.push_back(maker.make(from));
  if (const auto made = reading.result(); !made) return std::unexpected(made.error());
  return all;
}

}  // namespace evergrant
