// A provider as data: what `providers/<id>.toml` says. Every quirk of a provider is a field here, never an `if` on its name.
// Plain values; the loader (oauth/profile.hpp) checks them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/ids.hpp"

namespace evergrant {

enum class MetadataMode : std::uint8_t {
  discovery,
  fixed,
  hybrid
};  // from the document, from the file, file overriding document
enum class ClientAuth : std::uint8_t { basic, post, none, private_key_jwt, secret_jwt, tls, self_signed_tls };
enum class BasicEncoding : std::uint8_t { rfc, raw };  // form-urlencode id and secret before base64 (RFC 6749 2.3.1), or not
enum class Presence : std::uint8_t { require, send, omit };      // PKCE, nonce: send and insist, send, do not send
enum class IssParameter : std::uint8_t { enforce, if_present };  // RFC 9207
enum class BodyFormat : std::uint8_t { form, json };
enum class ResponseFormat : std::uint8_t { json, form, automatic };
enum class Rotation : std::uint8_t { never, always_with_grace, sometimes, always_strict, self_refresh };
// What is sent for new tokens. access_token_exchange: the access token itself, while it is good (Meta); the answer replaces
// it.
enum class RefreshMode : std::uint8_t { refresh_token, access_token_exchange, none };
enum class ZeroExpiry : std::uint8_t { never, expired };
enum class RevokeStyle : std::uint8_t { rfc7009, json, delete_path, query, self_bearer, none };
enum class RevokeOrder : std::uint8_t { refresh_first, access_first };
enum class Cascade : std::uint8_t { all, one };  // one token ends the whole grant, or only itself
enum class RealmSource : std::uint8_t { callback, token_response, id_token, userinfo, api, none };
enum class RealmChoice : std::uint8_t { only, first };  // where a list of accounts has several: refuse, or take the first
enum class IssuerRule : std::uint8_t { exact, tenant_template, alternatives };
enum class ResponseMode : std::uint8_t { query, form_post };
enum class AssertionAudience : std::uint8_t { issuer, token_endpoint };  // RFC 7523 3, and older servers
enum class SignatureEncoding : std::uint8_t { hex, base64 };

struct Endpoints {
  std::string authorize, token, refresh, revoke, introspect, userinfo, jwks, device, par;
  bool operator==(const Endpoints&) const = default;
};

// `{name}` in an endpoint or API base, filled from the callback, the token answer or the connect request.
struct HostVariable {
  std::string name;
  std::string source;    // "callback", "token_response", "connection"
  std::string field;     // the parameter or member that holds it
  std::string pattern;   // ECMAScript regex, anchored, matched against the whole value
  std::string fallback;  // where the source has no value; empty: it must have one
  bool operator==(const HostVariable&) const = default;
};

struct AuthorizeProfile {
  std::string scope_separator = " ";
  std::string scope_parameter = "scope";
  std::map<std::string, std::string> extra_parameters;  // access_type=offline …
  Presence pkce = Presence::send;
  Presence nonce = Presence::omit;
  IssParameter iss = IssParameter::if_present;
  ResponseMode response_mode = ResponseMode::query;
  std::vector<std::string> callback_extras;  // parameters kept from the callback: realmId, location …
  std::string code_parameter = "code";
  bool code_url_decode = false;         // Square, TikTok
  std::string code_strip_suffix;        // "#_" (Instagram)
  std::string callback_hmac_parameter;  // where the provider signs the callback ("hmac", Shopify); empty: it does not
  std::vector<std::string> default_scopes;
};

// A further pair of tokens in the answer to a code, beside the main one: its own access token, refresh token and end
// (REF-23). Members are relative to `path` there; a refresh of the pair may answer with them at `path` or, as its main
// answer, at the top.
struct PairProfile {
  std::string name;  // what applications ask for it by: [a-z0-9_-]{1,32}
  std::string path;  // dotted path of the object that holds it: authed_user (Slack)
  std::string access_token_member = "access_token";
  std::string refresh_token_member = "refresh_token";
  std::string expires_in_member = "expires_in";
  std::string scope_member = "scope";
  std::vector<std::string> token_types;   // accepted; empty: those of the main pair
  std::vector<std::string> kept_members;  // shown to the application
  bool operator==(const PairProfile&) const = default;
};

struct TokenProfile {
  ClientAuth client_auth = ClientAuth::basic;
  BasicEncoding basic_encoding = BasicEncoding::rfc;
  std::string client_id_parameter = "client_id";  // client_key (TikTok)
  BodyFormat body = BodyFormat::form;
  ResponseFormat response = ResponseFormat::json;
  AssertionAudience assertion_audience = AssertionAudience::issuer;
  std::map<std::string, std::string> headers;           // sent with every token request
  std::map<std::string, std::string> extra_parameters;  // in the body of every token request: expiring=1 (Shopify)
  std::vector<int> success_statuses{200, 201};
  std::vector<std::string> failure_members;  // "ok=false": JSON pointer-like path and value that mean failure on 2xx
  // Members of the answer, dotted paths; defaults are RFC 6749 5.1.
  std::string access_token_member = "access_token";
  std::string refresh_token_member = "refresh_token";
  std::string expires_in_member = "expires_in";
  std::string scope_member = "scope";
  std::string scope_separators = " ";              // any of these characters separates granted scopes
  std::string default_token_type;                  // used where the answer has none; empty: refuse
  std::vector<std::string> token_types{"bearer"};  // accepted, compared without case
  std::vector<PairProfile> pairs;                  // beside the main one (REF-23)
  std::vector<std::string> kept_members;           // extras shown to the application: instance_url, api_domain …
  std::vector<std::string> correlation_headers;    // intuit_tid, x-request-id …
  bool code_redemption_is_idempotent = false;      // TOK-04
};

struct ExpiryProfile {
  std::int64_t unit_ms = 1000;                // of expires_in: 1000 (seconds) or 1 (milliseconds)
  std::vector<std::string> absolute_members;  // expires_at, expires …: epoch s or ms, or RFC 3339
  ZeroExpiry zero_means = ZeroExpiry::expired;
  std::optional<Duration> default_lifetime;  // where the answer does not say; nothing: the token does not expire
  std::string refresh_soft_member = "refresh_token_expires_in";  // x_refresh_token_expires_in (Intuit)
  std::string refresh_instant_member;  // the same end as an instant: refresh_token_expiration (Clover)
  std::string refresh_hard_member;     // x_refresh_token_hard_expires_in (Intuit)
};

struct RefreshProfile {
  RefreshMode mode = RefreshMode::refresh_token;
  std::string grant_type = "refresh_token";            // fb_exchange_token (Meta)
  std::string credential_parameter = "refresh_token";  // what the token that is sent is called: fb_exchange_token (Meta)
  Rotation rotation = Rotation::always_strict;         // unknown is treated as strict
  Duration grace{0};                                   // how long a superseded refresh token still works
  bool keeps_refresh_token = true;                     // an answer without one leaves the old one good (REF-03)
  bool invalidates_old_access_token = false;           // Wise, Figma, GitLab (REF-16)
  std::optional<Duration> earliest_before_expiry;      // Exact Online: 30 s
  Duration advisory_margin{0};                         // 0: max(60 s, 10 % of life)
  Duration mandatory_margin{0};                        // 0: min(30 s, advisory)
  std::optional<Duration> idle_window;                 // 100 d (Intuit)
  std::optional<Duration> absolute_window;             // 5 y (Intuit)
  std::optional<Duration> keepalive_every;             // 0.3 of the idle window where not given
  Duration min_interval{0};                            // between two refreshes of one connection
  int confirm_invalid_grant = 2;                       // REF-11: spaced confirmations while the access token is valid
  int max_concurrency = 0;                             // per registration; 0: the engine's own cap
  double max_rate_per_second = 0;                      // per registration; 0: none
};

struct ErrorProfile {
  std::vector<std::string> terminal;   // further codes that end a grant: bad_refresh_token …
  std::vector<std::string> operator_;  // further codes that are our client's fault
  std::vector<std::string> transient;  // codes that mean "try later" here
  std::vector<int> transient_statuses;
  std::vector<int> definite_statuses;  // 5xx, 429 … that carry definite errors here: their body is judged (CyberSource: 500)
  std::string code_member = "error";   // dotted path of the error code
  std::string description_member = "error_description";
};

// endpoints.revoke may hold {client_id}, and with style delete_path {token}. A delete_path without {token} sends the token
// as the JSON body {"<token_parameter>": …} (GitHub).
struct RevokeProfile {
  RevokeStyle style = RevokeStyle::rfc7009;
  RevokeOrder order = RevokeOrder::refresh_first;
  Cascade cascade = Cascade::all;
  std::string method = "POST";                          // of style self_bearer: or DELETE (Meta)
  std::string token_parameter = "token";                // its name in the body or query: access_token (GitHub, Square)
  std::map<std::string, std::string> extra_parameters;  // beside it; {client_id} is replaced (Square)
  std::string authorization;  // own Authorization header, {client_secret} is replaced (Square); empty: as for tokens
  std::vector<int> gone_statuses{400, 401, 403, 404};  // the token is already dead: treated as revoked (REV-04)
  bool replaced_grant_is_shared =
      false;                     // a reconnect yields the same upstream grant: revoking the old kills the new (REV-08)
  std::string shared_grant_key;  // token-answer member that identifies the upstream grant (REF-22, REV-06)
};

struct RealmProfile {
  RealmSource source = RealmSource::none;  // none: the connection's own id stands for its realm
  std::string field;                       // realmId, team.id, sub …
  std::string verify_url;                  // GET with the new access token; {realm} is replaced; 200 proves it (CB-11)
  std::string verify_member;               // dotted path in that answer that must equal the realm; empty: the status decides
  std::string id_token_claim;              // realmid: compared where an ID token has it
  std::vector<std::string> scopes;         // the realm comes only with one of these (Intuit); empty: always
  // source = api: GET with the new access token; `field` is read from each element of the list at `list_member`.
  std::string list_url;     // https://api.xero.com/connections
  std::string list_member;  // dotted path of the array; empty: the answer itself is one
  RealmChoice choice = RealmChoice::only;
};

struct InjectProfile {
  std::string header = "Authorization";
  std::string format = "Bearer {token}";
  std::map<std::string, std::string> extra_headers;  // {realm} is replaced: xero-tenant-id
  std::vector<std::string> forbidden_headers;        // of the caller's request, removed
  std::vector<std::string> allowed_hosts;            // exact, or "*.example.com" where the provider owns the suffix
  std::string api_base;
  std::string realm_path;  // where the realm stands in a path: /v3/company/{realm}/
  int max_concurrency = 0;
  int max_per_minute = 0;
};

struct IdTokenProfile {
  std::vector<std::string> algorithms{"RS256"};
  IssuerRule issuer_rule = IssuerRule::exact;
  std::vector<std::string> issuer_alternatives;        // Google's spelling without https://
  std::vector<std::string> required_claims;            // beside those of OpenID Connect
  std::map<std::string, std::string> required_values;  // claims that must have just this value: hd, tid, email_verified
  bool nonce_returned = true;                          // false: the provider may leave the nonce out (Intuit, unverified)
};

// How the provider tells of a disconnect, and how a token can be probed.
struct SignalProfile {
  std::string webhook_signature_header;  // intuit-signature …; empty: no webhooks
  std::string webhook_algorithm = "hmac-sha256";
  SignatureEncoding webhook_encoding = SignatureEncoding::base64;
  std::vector<std::string> disconnect_events;  // event names that are a hint to verify the grant (REV-10)
  std::string liveness_url;                    // GET with the access token (USE-12)
  std::optional<Duration> liveness_every;
};

// One environment (production, sandbox) of a provider, complete: environments that the file declares are merged over its
// base.
struct Provider {
  ProviderId id;
  std::string environment = "production";
  std::string display_name;
  std::string documentation;  // the vendor's page
  std::string issuer;         // pinned; empty for plain OAuth
  std::string metadata_url;   // where it is not derived from the issuer (Intuit)
  MetadataMode metadata_mode = MetadataMode::fixed;
  Endpoints endpoints;
  std::vector<HostVariable> host_variables;
  AuthorizeProfile authorize;
  TokenProfile token;
  ExpiryProfile expiry;
  RefreshProfile refresh;
  ErrorProfile errors;
  RevokeProfile revoke;
  RealmProfile realm;
  InjectProfile inject;
  IdTokenProfile id_token;
  SignalProfile signals;
  bool allow_loopback_http = false;  // the local sandbox and tests: plain http to 127.0.0.1, ::1, localhost
  bool holds_endpoints = false;      // a document that moves an endpoint to another host is not believed (META-05)
  bool generic = false;              // issuer or endpoints come from the registration (`oidc`, `oauth2`)
  std::string refresh_hint;          // what to ask for when no refresh token came (TOK-16)
};

}  // namespace evergrant
