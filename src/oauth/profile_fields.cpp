#include "oauth/profile_fields.hpp"

namespace evergrant {
namespace {

template <class E, std::size_t N>
using Choices = std::array<TomlChoice<E>, N>;

constexpr Choices<MetadataMode, 3> metadata_modes{
    {{"discovery", MetadataMode::discovery}, {"fixed", MetadataMode::fixed}, {"hybrid", MetadataMode::hybrid}}};
constexpr Choices<ClientAuth, 7> client_auths{{{"basic", ClientAuth::basic},
                                               {"post", ClientAuth::post},
                                               {"none", ClientAuth::none},
                                               {"private_key_jwt", ClientAuth::private_key_jwt},
                                               {"secret_jwt", ClientAuth::secret_jwt},
                                               {"tls", ClientAuth::tls},
                                               {"self_signed_tls", ClientAuth::self_signed_tls}}};
constexpr Choices<BasicEncoding, 2> basic_encodings{{{"rfc", BasicEncoding::rfc}, {"raw", BasicEncoding::raw}}};
constexpr Choices<Presence, 3> presences{
    {{"require", Presence::require}, {"send", Presence::send}, {"omit", Presence::omit}}};
constexpr Choices<IssParameter, 2> iss_parameters{
    {{"enforce", IssParameter::enforce}, {"if_present", IssParameter::if_present}}};
constexpr Choices<ResponseMode, 2> response_modes{{{"query", ResponseMode::query}, {"form_post", ResponseMode::form_post}}};
constexpr Choices<AssertionAudience, 2> assertion_audiences{
    {{"issuer", AssertionAudience::issuer}, {"token_endpoint", AssertionAudience::token_endpoint}}};
constexpr Choices<BodyFormat, 2> body_formats{{{"form", BodyFormat::form}, {"json", BodyFormat::json}}};
constexpr Choices<ResponseFormat, 3> response_formats{
    {{"json", ResponseFormat::json}, {"form", ResponseFormat::form}, {"automatic", ResponseFormat::automatic}}};
constexpr Choices<Rotation, 5> rotations{{{"never", Rotation::never},
                                          {"always_with_grace", Rotation::always_with_grace},
                                          {"sometimes", Rotation::sometimes},
                                          {"always_strict", Rotation::always_strict},
                                          {"self_refresh", Rotation::self_refresh}}};
constexpr Choices<RefreshMode, 3> refresh_modes{{{"refresh_token", RefreshMode::refresh_token},
                                                 {"access_token_exchange", RefreshMode::access_token_exchange},
                                                 {"none", RefreshMode::none}}};
constexpr Choices<ZeroExpiry, 2> zero_expiries{{{"never", ZeroExpiry::never}, {"expired", ZeroExpiry::expired}}};
constexpr Choices<RevokeStyle, 6> revoke_styles{{{"rfc7009", RevokeStyle::rfc7009},
                                                 {"json", RevokeStyle::json},
                                                 {"delete_path", RevokeStyle::delete_path},
                                                 {"query", RevokeStyle::query},
                                                 {"self_bearer", RevokeStyle::self_bearer},
                                                 {"none", RevokeStyle::none}}};
constexpr Choices<RevokeOrder, 2> revoke_orders{
    {{"refresh_first", RevokeOrder::refresh_first}, {"access_first", RevokeOrder::access_first}}};
constexpr Choices<Cascade, 2> cascades{{{"all", Cascade::all}, {"one", Cascade::one}}};
constexpr Choices<RealmSource, 6> realm_sources{{{"callback", RealmSource::callback},
                                                 {"token_response", RealmSource::token_response},
                                                 {"id_token", RealmSource::id_token},
                                                 {"userinfo", RealmSource::userinfo},
                                                 {"api", RealmSource::api},
                                                 {"none", RealmSource::none}}};
constexpr Choices<RealmChoice, 2> realm_choices{{{"only", RealmChoice::only}, {"first", RealmChoice::first}}};
constexpr Choices<IssuerRule, 3> issuer_rules{{{"exact", IssuerRule::exact},
                                               {"tenant_template", IssuerRule::tenant_template},
                                               {"alternatives", IssuerRule::alternatives}}};
constexpr Choices<SignatureEncoding, 2> signature_encodings{
    {{"hex", SignatureEncoding::hex}, {"base64", SignatureEncoding::base64}}};

void read(TomlTable table, Endpoints& out) {
  table.read("authorize", out.authorize);
  table.read("token", out.token);
  table.read("refresh", out.refresh);
  table.read("revoke", out.revoke);
  table.read("introspect", out.introspect);
  table.read("userinfo", out.userinfo);
  table.read("jwks", out.jwks);
  table.read("device", out.device);
  table.read("par", out.par);
  table.finish();
}

void read(TomlTable& table, HostVariable& out) {
  table.require("name", "the name that stands in {braces}");
  table.require("source", "callback, token_response or connection");
  table.require("pattern", "an anchored regular expression");
  table.read("name", out.name);
  table.read("source", out.source);
  table.read("field", out.field);
  table.read("pattern", out.pattern);
  table.read("fallback", out.fallback);
  table.finish();
}

// AUTH-01: there is nothing to choose; the field is accepted so that a file may say it aloud.
void read_response_type(TomlTable& table) {
  std::string response_type = "code";
  table.read("response_type", response_type);
  if (response_type != "code") {
    table.problem("response_type", "only \"code\" is supported: implicit, hybrid and password grants are refused");
  }
}

void read(TomlTable table, AuthorizeProfile& out) {
  read_response_type(table);
  table.read("scope_separator", out.scope_separator);
  table.read("scope_parameter", out.scope_parameter);
  table.read("extra_parameters", out.extra_parameters);
  table.read("pkce", out.pkce, presences);
  table.read("nonce", out.nonce, presences);
  table.read("iss", out.iss, iss_parameters);
  table.read("response_mode", out.response_mode, response_modes);
  table.read("callback_extras", out.callback_extras);
  table.read("code_parameter", out.code_parameter);
  table.read("code_url_decode", out.code_url_decode);
  table.read("code_strip_suffix", out.code_strip_suffix);
  table.read("callback_hmac_parameter", out.callback_hmac_parameter);
  table.read("default_scopes", out.default_scopes);
  table.finish();
}

void read_members(TomlTable& table, TokenProfile& out) {
  table.read("access_token_member", out.access_token_member);
  table.read("refresh_token_member", out.refresh_token_member);
  table.read("expires_in_member", out.expires_in_member);
  table.read("scope_member", out.scope_member);
  table.read("scope_separators", out.scope_separators);
  table.read("default_token_type", out.default_token_type);
  table.read("token_types", out.token_types);
  table.read("kept_members", out.kept_members);
}

void read(TomlTable& table, PairProfile& out) {
  table.require("name", "what applications ask for it by");
  table.require("path", "the member that holds it");
  table.read("name", out.name);
  table.read("path", out.path);
  table.read("access_token_member", out.access_token_member);
  table.read("refresh_token_member", out.refresh_token_member);
  table.read("expires_in_member", out.expires_in_member);
  table.read("scope_member", out.scope_member);
  table.read("token_types", out.token_types);
  table.read("kept_members", out.kept_members);
  table.finish();
}

void read(TomlTable table, TokenProfile& out) {
  table.read("client_auth", out.client_auth, client_auths);
  table.read("basic_encoding", out.basic_encoding, basic_encodings);
  table.read("client_id_parameter", out.client_id_parameter);
  table.read("assertion_audience", out.assertion_audience, assertion_audiences);
  table.read("body", out.body, body_formats);
  table.read("response", out.response, response_formats);
  table.read("headers", out.headers);
  table.read("extra_parameters", out.extra_parameters);
  table.read("success_statuses", out.success_statuses, 200, 299);
  table.read("failure_members", out.failure_members);
  read_members(table, out);
  auto pairs = table.tables("pair");
  if (!pairs.empty()) out.pairs.clear();
  for (auto& pair : pairs) read(pair, out.pairs.emplace_back());
  table.read("correlation_headers", out.correlation_headers);
  table.read("code_redemption_is_idempotent", out.code_redemption_is_idempotent);
  table.finish();
}

void read(TomlTable table, ExpiryProfile& out) {
  table.read("unit_ms", out.unit_ms, std::int64_t{1}, std::int64_t{1000});
  table.read("absolute_members", out.absolute_members);
  table.read("zero_means", out.zero_means, zero_expiries);
  table.read("default_lifetime", out.default_lifetime);
  table.read("refresh_soft_member", out.refresh_soft_member);
  table.read("refresh_instant_member", out.refresh_instant_member);
  table.read("refresh_hard_member", out.refresh_hard_member);
  table.finish();
}

void read(TomlTable table, RefreshProfile& out) {
  table.read("mode", out.mode, refresh_modes);
  table.read("grant_type", out.grant_type);
  table.read("credential_parameter", out.credential_parameter);
  table.read("rotation", out.rotation, rotations);
  table.read("grace", out.grace);
  table.read("keeps_refresh_token", out.keeps_refresh_token);
  table.read("invalidates_old_access_token", out.invalidates_old_access_token);
  table.read("earliest_before_expiry", out.earliest_before_expiry);
  table.read("advisory_margin", out.advisory_margin);
  table.read("mandatory_margin", out.mandatory_margin);
  table.read("idle_window", out.idle_window);
  table.read("absolute_window", out.absolute_window);
  table.read("keepalive_every", out.keepalive_every);
  table.read("min_interval", out.min_interval);
  table.read("confirm_invalid_grant", out.confirm_invalid_grant, 0, 10);
  table.read("max_concurrency", out.max_concurrency, 0, 10000);
  table.read("max_rate_per_second", out.max_rate_per_second, 0, 100000);
  table.finish();
}

void read(TomlTable table, ErrorProfile& out) {
  table.read("terminal", out.terminal);
  table.read("operator", out.operator_);
  table.read("transient", out.transient);
  table.read("transient_statuses", out.transient_statuses, 400, 599);
  table.read("definite_statuses", out.definite_statuses, 400, 599);
  table.read("code_member", out.code_member);
  table.read("description_member", out.description_member);
  table.finish();
}

void read(TomlTable table, RevokeProfile& out) {
  table.read("style", out.style, revoke_styles);
  table.read("order", out.order, revoke_orders);
  table.read("cascade", out.cascade, cascades);
  table.read("method", out.method);
  table.read("token_parameter", out.token_parameter);
  table.read("extra_parameters", out.extra_parameters);
  table.read("authorization", out.authorization);
  table.read("gone_statuses", out.gone_statuses, 400, 499);
  table.read("replaced_grant_is_shared", out.replaced_grant_is_shared);
  table.read("shared_grant_key", out.shared_grant_key);
  table.finish();
}

void read(TomlTable table, RealmProfile& out) {
  table.read("source", out.source, realm_sources);
  table.read("field", out.field);
  table.read("verify_url", out.verify_url);
  table.read("verify_member", out.verify_member);
  table.read("id_token_claim", out.id_token_claim);
  table.read("scopes", out.scopes);
  table.read("list_url", out.list_url);
  table.read("list_member", out.list_member);
  table.read("choice", out.choice, realm_choices);
  table.finish();
}

void read(TomlTable table, InjectProfile& out) {
  table.read("header", out.header);
  table.read("format", out.format);
  table.read("extra_headers", out.extra_headers);
  table.read("forbidden_headers", out.forbidden_headers);
  table.read("allowed_hosts", out.allowed_hosts);
  table.read("api_base", out.api_base);
  table.read("realm_path", out.realm_path);
  table.read("max_concurrency", out.max_concurrency, 0, 10000);
  table.read("max_per_minute", out.max_per_minute, 0, 1000000);
  table.finish();
}

void read(TomlTable table, IdTokenProfile& out) {
  table.read("algorithms", out.algorithms);
  table.read("issuer_rule", out.issuer_rule, issuer_rules);
  table.read("issuer_alternatives", out.issuer_alternatives);
  table.read("required_claims", out.required_claims);
  table.read("required_values", out.required_values);
  table.read("nonce_returned", out.nonce_returned);
  table.finish();
}

void read(TomlTable table, SignalProfile& out) {
  table.read("webhook_signature_header", out.webhook_signature_header);
  table.read("webhook_algorithm", out.webhook_algorithm);
  table.read("webhook_encoding", out.webhook_encoding, signature_encodings);
  table.read("disconnect_events", out.disconnect_events);
  table.read("liveness_url", out.liveness_url);
  table.read("liveness_every", out.liveness_every);
  table.finish();
}

}  // namespace

void read_profile_fields(TomlTable& top, Provider& out) {
  top.read("display_name", out.display_name);
  top.read("documentation", out.documentation);
  top.read("issuer", out.issuer);
  top.read("metadata_url", out.metadata_url);
  top.read("metadata_mode", out.metadata_mode, metadata_modes);
  top.read("allow_loopback_http", out.allow_loopback_http);
  top.read("generic", out.generic);
  top.read("refresh_hint", out.refresh_hint);
  read(top.table("endpoints"), out.endpoints);
  auto variables = top.tables("host_variable");
  if (!variables.empty()) out.host_variables.clear();
  for (auto& variable : variables) read(variable, out.host_variables.emplace_back());
  read(top.table("authorize"), out.authorize);
  read(top.table("token"), out.token);
  read(top.table("expiry"), out.expiry);
  read(top.table("refresh"), out.refresh);
  read(top.table("errors"), out.errors);
  read(top.table("revoke"), out.revoke);
  read(top.table("realm"), out.realm);
  read(top.table("inject"), out.inject);
  read(top.table("id_token"), out.id_token);
  read(top.table("signals"), out.signals);
  top.finish();
}

std::vector<TomlField> profile_schema() {
  TomlReading reading = TomlReading::describe();
  const TomlNode empty;
  TomlTable top{reading, empty};
  Provider provider;
  read_profile_fields(top, provider);
  return reading.fields();
}

}  // namespace evergrant
