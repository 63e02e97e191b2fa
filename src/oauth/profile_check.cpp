#include "oauth/profile_check.hpp"

#include <algorithm>
#include <array>
#include <regex>
#include <span>

#include "base/contains.hpp"
#include "base/encoding.hpp"
#include "oauth/profile_text.hpp"
#include "oauth/profile_url.hpp"

namespace evergrant {
namespace {

using Names = std::vector<std::string>;

std::string in_quotes(std::string_view text) { return '"' + printable(text, 60) + '"'; }

class Checker {
 public:
  explicit Checker(const Provider& provider) : p_{provider} {
    for (const auto& variable : p_.host_variables) variables_.push_back(variable.name);
  }

  std::vector<ProfileProblem> run() {
    issuer();
    endpoints();
    for (const auto& variable : p_.host_variables) host_variable(variable);
    authorize();
    authorize_parameters();
    token();
    pairs();
    expiry();
    refresh();
    refresh_windows();
    revoke();
    realm();
    inject();
    id_token();
    signals();
    return std::move(problems_);
  }

 private:
  void add(std::string field, std::string text) {
    problems_.push_back({.field = std::move(field), .text = std::move(text)});
  }
  void require(bool holds, std::string field, std::string text) {
    if (!holds) add(std::move(field), std::move(text));
  }

  void issuer();
  void endpoints();
  void complete_endpoints();
  void host_variable(const HostVariable& variable);
  void authorize();
  void authorize_parameters();
  void token();
  void pairs();
  void expiry();
  void refresh();
  void refresh_windows();
  void revoke();
  void realm();
  void realm_source();
  void inject();
  void id_token();
  void signals();

  // Empty URLs pass: whether one is needed is another question.
  void url(std::string field, std::string_view value, std::initializer_list<std::string_view> further = {});
  void headers(const std::string& field, const std::map<std::string, std::string>& values,
               std::initializer_list<std::string_view> further = {});
  void names_in(const std::string& field, std::string_view value, std::initializer_list<std::string_view> known);
  void positive(std::string field, const std::optional<Duration>& value) {
    require(!value || *value > Duration{0}, std::move(field), "must be longer than 0s");
  }
  [[nodiscard]] bool discovers() const { return p_.metadata_mode != MetadataMode::fixed; }

  const Provider& p_;
  Names variables_;
  std::vector<ProfileProblem> problems_;
};

void Checker::names_in(const std::string& field, std::string_view value, std::initializer_list<std::string_view> known) {
  const auto names = placeholders(value);
  if (!names) return add(field, "a { or } without its partner");
  for (const auto& name : *names) {
    if (contains(std::span{known.begin(), known.size()}, name)) continue;
    add(field, "{" + printable(name, 40) + "} is not known here" +
                   (known.size() == 0 ? "" : "; expected {" + std::string{*known.begin()} + "}"));
  }
}

void Checker::url(std::string field, std::string_view value, std::initializer_list<std::string_view> further) {
  if (value.empty()) return;
  const auto names = placeholders(value);
  if (!names) return add(std::move(field), "a { or } without its partner");
  for (const auto& name : *names) {
    if (contains(std::span{further.begin(), further.size()}, name)) continue;
    require(std::ranges::find(variables_, name) != variables_.end(), field,
            "{" + printable(name, 40) + "} has no [[host_variable]] with name = " + in_quotes(name));
  }
  // A value that is not matched by a pattern of its own must not choose the host that gets the token.
  const auto host = value.substr(0, std::min(value.size(), value.find('/', value.find("://") + 3)));
  for (const auto& name : further) {
    require(!host.contains('{' + std::string{name} + '}'), field, "{" + std::string{name} + "} must not stand in the host");
  }
  if (const auto problem = url_problem(sample_url(value), p_.allow_loopback_http)) {
    // The sample shows up in the words only where the URL has variables.
    add(std::move(field), names->empty() ? *problem : "with its {variables} filled: " + *problem);
  }
}

void Checker::headers(const std::string& field, const std::map<std::string, std::string>& values,
                      std::initializer_list<std::string_view> further) {
  static constexpr std::array<std::string_view, 5> ours{"host", "content-length", "transfer-encoding", "connection",
                                                        "authorization"};
  for (const auto& [name, value] : values) {
    require(is_header_name(name), field, in_quotes(name) + " is not a header name");
    require(!contains(ours, to_lower_ascii(name)), field, "the header " + in_quotes(name) + " is set by evergrant itself");
    require(is_header_value(value), field, "the value of " + in_quotes(name) + " holds control characters");
    names_in(field, value, further);
  }
}

void Checker::issuer() {
  url("metadata_url", p_.metadata_url);
  const bool is_template = p_.id_token.issuer_rule == IssuerRule::tenant_template;
  if (is_template) {
    require(p_.issuer.contains("{tenantid}"), "issuer",
            "must hold {tenantid} where id_token.issuer_rule is tenant_template");
  }
  if (!p_.issuer.empty()) {
    const std::string issuer = is_template ? sample_url(p_.issuer) : p_.issuer;
    if (const auto problem = issuer_problem(issuer, p_.allow_loopback_http)) add("issuer", *problem);
  }
  if (p_.generic) return;
  require(!discovers() || !p_.issuer.empty(), "issuer", "missing; metadata is used, and its issuer must be pinned here");
  require(p_.authorize.nonce == Presence::omit || !p_.issuer.empty(), "issuer",
          "missing; authorize.nonce asks for an ID token, whose issuer must be pinned here");
}

void Checker::endpoints() {
  const Endpoints& e = p_.endpoints;
  url("endpoints.authorize", e.authorize);
  url("endpoints.token", e.token);
  url("endpoints.refresh", e.refresh);
  url("endpoints.revoke", e.revoke, {"token", "client_id"});
  url("endpoints.introspect", e.introspect);
  url("endpoints.userinfo", e.userinfo);
  url("endpoints.jwks", e.jwks);
  require(!e.jwks.contains('{'), "endpoints.jwks", "holds a {…}; the keys of an issuer do not differ per account");
  url("endpoints.device", e.device);
  url("endpoints.par", e.par);
  if (!p_.generic && !discovers()) complete_endpoints();
}

void Checker::complete_endpoints() {
  const std::string why = "; required where metadata_mode is fixed";
  require(!p_.endpoints.authorize.empty(), "endpoints.authorize", "missing" + why);
  require(!p_.endpoints.token.empty(), "endpoints.token", "missing" + why);
  require(p_.revoke.style == RevokeStyle::none || !p_.endpoints.revoke.empty(), "endpoints.revoke",
          R"(missing; or say revoke.style = "none")");
  require(p_.authorize.nonce == Presence::omit || !p_.endpoints.jwks.empty(), "endpoints.jwks",
          "missing; authorize.nonce asks for an ID token, whose keys come from here");
  require(p_.realm.source != RealmSource::userinfo || !p_.endpoints.userinfo.empty(), "endpoints.userinfo",
          R"(missing; required by realm.source = "userinfo")");
}

// A variable stands in a host: no value that its pattern lets pass may reach another one.
void Checker::host_variable(const HostVariable& variable) {
  static constexpr std::array<std::string_view, 3> sources{"callback", "token_response", "connection"};
  static constexpr std::array<std::string_view, 12> hostile{
      "a/b", "a@b", "a?b", "a#b", "a\\b", "a:1", "a b", "a%2f", "", "evil.example/x", "https://evil.example", "a\r\nb"};
  const std::string field = "host_variable";
  require(is_identifier(variable.name), field,
          "name " + in_quotes(variable.name) + " is not made of letters, digits, _ and -");
  require(contains(sources, variable.source), field,
          "source " + in_quotes(variable.source) + ", expected callback, token_response or connection");
  const std::string& pattern = variable.pattern;
  if (!pattern.starts_with('^') || !pattern.ends_with('$')) {
    return add(field, "pattern of " + in_quotes(variable.name) + " is not anchored, expected ^…$");
  }
  try {
    const std::regex expression{pattern, std::regex::ECMAScript};
    const bool lets_pass = std::ranges::any_of(
        hostile, [&](std::string_view text) { return std::regex_match(text.begin(), text.end(), expression); });
    require(!lets_pass, field,
            "pattern of " + in_quotes(variable.name) + " lets through characters that lead to another host");
    require(variable.fallback.empty() || std::regex_match(variable.fallback, expression), field,
            "fallback of " + in_quotes(variable.name) + " does not match its own pattern");
  } catch (const std::regex_error&) {
    add(field, "pattern of " + in_quotes(variable.name) + " is not a regular expression (ECMAScript)");
  }
}

void Checker::authorize() {
  const AuthorizeProfile& a = p_.authorize;
  require(a.scope_separator.size() == 1, "authorize.scope_separator", "expected one character");
  require(!a.scope_parameter.empty(), "authorize.scope_parameter", "must not be empty");
  require(!a.code_parameter.empty(), "authorize.code_parameter", "must not be empty");
  for (const auto& extra : a.callback_extras) {
    require(extra != "code" && extra != "state" && extra != "iss" && !extra.empty(), "authorize.callback_extras",
            in_quotes(extra) + " is read by the protocol itself");
  }
  for (const auto& scope : a.default_scopes) {
    const bool fits = !scope.empty() && !scope.contains(' ') && !scope.contains(a.scope_separator) && is_header_value(scope);
    require(fits, "authorize.default_scopes", in_quotes(scope) + " is not one scope; write each as a string of its own");
  }
}

void Checker::authorize_parameters() {
  static constexpr std::array<std::string_view, 12> reserved{
      "response_mode",  "response_type", "client_id",   "redirect_uri",          "state",        "nonce", "scope",
      "code_challenge", "request",       "request_uri", "code_challenge_method", "client_secret"};
  for (const auto& [name, value] : p_.authorize.extra_parameters) {
    const bool taken = contains(reserved, name) || name == p_.authorize.scope_parameter;
    require(!taken, "authorize.extra_parameters", in_quotes(name) + " is set by evergrant itself and must not be doubled");
  }
  const auto prompt = p_.authorize.extra_parameters.find("prompt");
  if (prompt == p_.authorize.extra_parameters.end()) return;
  const auto values = split(prompt->second, ' ');
  require(values.size() < 2 || std::ranges::find(values, "none") == values.end(), "authorize.extra_parameters",
          "prompt \"none\" stands alone (OpenID Connect Core 3.1.2.1)");
}

void Checker::token() {
  const TokenProfile& t = p_.token;
  headers("token.headers", t.headers);
  require(!t.access_token_member.empty(), "token.access_token_member", "must not be empty");
  require(!t.client_id_parameter.empty(), "token.client_id_parameter", "must not be empty");
  require(!t.success_statuses.empty(), "token.success_statuses", "must not be empty");
  require(!t.token_types.empty(), "token.token_types", "must not be empty");
  for (const auto& predicate : t.failure_members) {
    const auto equals = predicate.find('=');
    require(equals != std::string::npos && equals > 0, "token.failure_members",
            in_quotes(predicate) + R"(, expected "member=value" such as "ok=false")");
  }
  for (const auto& name : t.correlation_headers) {
    require(is_header_name(name), "token.correlation_headers", in_quotes(name) + " is not a header name");
  }
  static constexpr std::array<std::string_view, 10> reserved{
      "grant_type",    "code",      "redirect_uri", "refresh_token",    "client_secret",
      "code_verifier", "client_id", "scope",        "client_assertion", "client_assertion_type"};
  for (const auto& [name, value] : t.extra_parameters) {
    require(!contains(reserved, name), "token.extra_parameters", in_quotes(name) + " is set by evergrant itself");
  }
}

void Checker::pairs() {
  std::vector<std::string> names;
  for (const PairProfile& pair : p_.token.pairs) {
    const bool named = !pair.name.empty() && pair.name.size() <= 32 &&
                       pair.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
    require(named, "token.pair", in_quotes(pair.name) + ", expected a name of 1 to 32 of a-z, 0-9, _ and -");
    require(std::ranges::find(names, pair.name) == names.end(), "token.pair", in_quotes(pair.name) + " is named twice");
    require(!pair.path.empty() && !pair.access_token_member.empty(), "token.pair",
            in_quotes(pair.name) + ": path and access_token_member must not be empty");
    names.push_back(pair.name);
  }
}

void Checker::expiry() {
  require(p_.expiry.unit_ms == 1 || p_.expiry.unit_ms == 1000, "expiry.unit_ms",
          "expected 1000 (seconds) or 1 (milliseconds)");
  positive("expiry.default_lifetime", p_.expiry.default_lifetime);
}

void Checker::refresh() {
  const RefreshProfile& r = p_.refresh;
  const bool graceful = r.rotation == Rotation::always_with_grace;
  require(graceful || r.grace == Duration{0}, "refresh.grace", R"(only with rotation = "always_with_grace")");
  require(!graceful || r.grace > Duration{0}, "refresh.grace", R"(missing; required by rotation = "always_with_grace")");
  require((r.rotation == Rotation::self_refresh) == (r.mode == RefreshMode::access_token_exchange), "refresh.rotation",
          R"("self_refresh" and mode = "access_token_exchange" belong together)");
  static constexpr std::array<std::string_view, 7> reserved{
      "grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", ""};
  require(!r.grant_type.empty(), "refresh.grant_type", "must not be empty");
  require(r.grant_type != "password", "refresh.grant_type", "must not be the password grant (RFC 9700 2.4)");
  require(!contains(reserved, r.credential_parameter), "refresh.credential_parameter",
          in_quotes(r.credential_parameter) + " is set by evergrant itself, or empty");
  require(r.mandatory_margin == Duration{0} || r.advisory_margin == Duration{0} || r.mandatory_margin <= r.advisory_margin,
          "refresh.mandatory_margin", "must not be longer than advisory_margin");
}

void Checker::refresh_windows() {
  const RefreshProfile& r = p_.refresh;
  positive("refresh.earliest_before_expiry", r.earliest_before_expiry);
  positive("refresh.idle_window", r.idle_window);
  positive("refresh.absolute_window", r.absolute_window);
  positive("refresh.keepalive_every", r.keepalive_every);
  if (r.idle_window && r.absolute_window) {
    require(*r.idle_window <= *r.absolute_window, "refresh.idle_window", "must not be longer than absolute_window");
  }
  if (r.idle_window && r.keepalive_every) {
    require(*r.keepalive_every < *r.idle_window, "refresh.keepalive_every", "must be shorter than idle_window");
  }
}

void Checker::revoke() {
  const RevokeProfile& r = p_.revoke;
  if (r.style == RevokeStyle::none) {
    require(p_.endpoints.revoke.empty(), "endpoints.revoke", R"(given, but revoke.style = "none")");
  }
  if (r.style != RevokeStyle::delete_path) {
    require(!p_.endpoints.revoke.contains("{token}"), "endpoints.revoke", R"({token} needs revoke.style = "delete_path")");
  }
  require(!r.token_parameter.empty(), "revoke.token_parameter", "must not be empty");
  require(r.method == "POST" || (r.method == "DELETE" && r.style == RevokeStyle::self_bearer), "revoke.method",
          R"(expected "POST", or "DELETE" with style = "self_bearer")");
  names_in("revoke.authorization", r.authorization, {"client_secret", "client_id"});
  require(is_header_value(r.authorization), "revoke.authorization", "holds control characters");
  for (const auto& [name, value] : r.extra_parameters) names_in("revoke.extra_parameters", value, {"client_id"});
}

void Checker::realm() {
  const RealmProfile& r = p_.realm;
  url("realm.verify_url", r.verify_url, {"realm"});
  url("realm.list_url", r.list_url);
  const bool has_source = r.source != RealmSource::none;
  require(!has_source || !r.field.empty(), "realm.field", "missing; required unless realm.source is none");
  require(has_source || (r.field.empty() && r.verify_url.empty() && r.list_url.empty()), "realm.source",
          "is none, but field, verify_url or list_url is given");
  require(r.verify_member.empty() || !r.verify_url.empty(), "realm.verify_member", "needs realm.verify_url");
  require((r.source == RealmSource::api) == !r.list_url.empty(), "realm.list_url",
          R"(belongs to realm.source = "api", and is required there)");
  realm_source();
}

void Checker::realm_source() {
  const RealmProfile& r = p_.realm;
  if (r.source == RealmSource::callback) {
    const auto& extras = p_.authorize.callback_extras;
    require(std::ranges::find(extras, r.field) != extras.end(), "realm.field",
            in_quotes(r.field) + " is not among authorize.callback_extras");
    // CB-11: nothing signs a callback parameter, so something must prove it before it keys a record.
    require(!r.verify_url.empty() || !r.id_token_claim.empty() || !p_.authorize.callback_hmac_parameter.empty(),
            "realm.source",
            "a realm from the callback is unproven; give verify_url, id_token_claim or authorize.callback_hmac_parameter");
  }
  if (r.source == RealmSource::id_token && !p_.generic) {
    require(!p_.issuer.empty(), "issuer", R"(missing; required by realm.source = "id_token")");
  }
}

void Checker::inject() {
  const InjectProfile& i = p_.inject;
  require(is_header_name(i.header), "inject.header", in_quotes(i.header) + " is not a header name");
  require(i.format.contains("{token}"), "inject.format", "must hold {token}");
  names_in("inject.format", i.format, {"token"});
  require(is_header_value(i.format), "inject.format", "holds control characters");
  headers("inject.extra_headers", i.extra_headers, {"realm"});
  for (const auto& name : i.forbidden_headers) {
    require(is_header_name(name), "inject.forbidden_headers", in_quotes(name) + " is not a header name");
  }
  url("inject.api_base", i.api_base, {"realm"});
  names_in("inject.realm_path", i.realm_path, {"realm"});
  require(i.realm_path.empty() || i.realm_path.contains("{realm}"), "inject.realm_path",
          in_quotes(i.realm_path) + " holds no {realm}, so it would keep no realm apart");
  // USE-02: below the base a call stays in its realm; a caller that names the host has the whole path, other realms' too.
  const auto path_at = i.api_base.find('/', i.api_base.find("://") + 3);
  const bool realm_in_path = path_at != std::string::npos && i.api_base.find("{realm}", path_at) != std::string::npos;
  require(!realm_in_path || !i.realm_path.empty(), "inject.realm_path",
          "missing; inject.api_base holds {realm} in its path, and other paths of that host would name other realms");
  for (const auto& host : i.allowed_hosts) {
    const std::string_view name = std::string_view{host}.substr(host.starts_with("*.") ? 2 : 0);
    const bool plain =
        !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-:[]") == std::string_view::npos;
    require(plain && (name.size() == host.size() || name.contains('.')), "inject.allowed_hosts",
            in_quotes(host) + R"(, expected a lower-case host such as "api.example.com" or "*.example.com")");
  }
}

void Checker::id_token() {
  static constexpr std::array<std::string_view, 13> known{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
                                                          "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"};
  const IdTokenProfile& t = p_.id_token;
  require(!t.algorithms.empty(), "id_token.algorithms", "must not be empty");
  for (const auto& algorithm : t.algorithms) {
    require(contains(known, algorithm), "id_token.algorithms",
            in_quotes(algorithm) + " is not allowed, expected RS256, PS256, ES256, EdDSA, HS256 or their longer kin");
  }
  const auto shared = std::ranges::count_if(t.algorithms, [](const auto& name) { return name.starts_with("HS"); });
  require(shared == 0 || static_cast<std::size_t>(shared) == t.algorithms.size(), "id_token.algorithms",
          "holds both shared secrets (HS*) and public keys, expected one kind (RFC 8725 3.1)");
  require((t.issuer_rule == IssuerRule::alternatives) == !t.issuer_alternatives.empty(), "id_token.issuer_alternatives",
          R"(belongs to issuer_rule = "alternatives", and is required there)");
}

void Checker::signals() {
  const SignalProfile& s = p_.signals;
  const auto& header = s.webhook_signature_header;
  require(header.empty() || is_header_name(header), "signals.webhook_signature_header",
          in_quotes(header) + " is not a header name");
  require(s.webhook_algorithm == "hmac-sha256", "signals.webhook_algorithm", R"(expected "hmac-sha256")");
  url("signals.liveness_url", s.liveness_url);
  positive("signals.liveness_every", s.liveness_every);
  require(s.liveness_url.empty() == !s.liveness_every.has_value(), "signals.liveness_every", "goes with liveness_url");
}

}  // namespace

std::vector<ProfileProblem> check_profile(const Provider& provider) { return Checker{provider}.run(); }

}  // namespace evergrant
