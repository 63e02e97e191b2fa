#include "api/openapi.hpp"

namespace evergrant {
namespace {

// JSON Schema, draft 2020-12, as OpenAPI 3.1 takes it. Tests hold every answer of the handlers against these.
constexpr std::string_view schemas = R"json({
"Problem": {"type": "object", "required": ["type", "title", "status", "code", "detail"], "properties": {
  "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
  "code": {"type": "string", "enum": ["invalid_argument", "unauthenticated", "forbidden", "not_found", "conflict", "gone",
    "too_large", "rate_limited", "reauth_required", "revoked", "quarantined", "registration_paused", "provider_unavailable",
    "provider_rejected", "ambiguous", "stale", "busy", "deadline_exceeded", "sealed_broken", "key_unavailable",
    "store_unavailable", "unsupported", "insufficient_scope", "internal", "method_not_allowed", "bad_request", "request_timeout",
    "header_too_large", "expectation_failed"],
    "description": "Stable; decide by this. From the HTTP server itself, before a request is understood: bad_request (400: not well-formed HTTP), method_not_allowed (405), request_timeout (408: it did not arrive in time), too_large (413), expectation_failed (417), header_too_large (431), internal (500)"},
  "detail": {"type": "string"},
  "hint": {"type": "string", "description": "How to mend it"},
  "connection": {"type": "string"}, "registration": {"type": "string"}, "tenant": {"type": "string"},
  "pair": {"type": "string", "description": "The further token pair that it is about"},
  "reconnect": {"type": "string", "description": "With code reauth_required or insufficient_scope: POST registration, tenant and connection there"},
  "scope": {"type": "string", "description": "With code insufficient_scope: what the provider asks for, where it says so"},
  "limit": {"type": "string", "enum": ["max_concurrency", "max_per_minute"],
    "description": "With code rate_limited, from the proxy: which limit of the provider's profile was met"}}},
"Token": {"type": "object", "additionalProperties": false,
  "required": ["access_token", "token_type", "expires_at", "expires_in", "generation", "scope", "realm", "connection"], "properties": {
  "access_token": {"type": "string"}, "token_type": {"type": "string"},
  "expires_at": {"type": ["string", "null"], "format": "date-time"},
  "expires_in": {"type": ["integer", "null"], "description": "Seconds; null: the provider gives no end"},
  "generation": {"type": "integer", "description": "Report it with POST …/refresh when the provider answers 401"},
  "scope": {"type": "string"}, "realm": {"type": "string"}, "connection": {"type": "string"},
  "pair": {"type": "string", "description": "Which further token pair it is of; absent: the main one"}}},
"TokenBatchRequest": {"type": "object", "additionalProperties": false, "required": ["connections"], "properties": {
  "connections": {"type": "array", "description": "1 to 100 ids", "items": {"type": "string"}},
  "min_ttl": {"type": ["integer", "null"], "minimum": 0, "description": "Seconds, as of reading one"},
  "wait": {"type": ["integer", "null"], "minimum": 0, "description": "Seconds, as of reading one"}}},
"TokenBatch": {"type": "object", "required": ["items"], "properties": {
  "items": {"type": "array", "description": "In the order asked for: a Token, or the problem that stands in its place",
    "items": {"type": "object", "required": ["connection"], "properties": {
      "connection": {"type": "string"}, "access_token": {"type": "string"},
      "problem": {"type": "object", "description": "As the answer to reading one would be"}}}}}},
"RefreshRequest": {"type": "object", "additionalProperties": false, "properties": {
  "generation": {"type": "integer", "minimum": 1, "description": "The generation that was answered with 401"}}},
"Connection": {"type": "object", "additionalProperties": false,
  "required": ["id", "registration", "tenant", "realm", "status", "reason", "generation", "scope", "created_at"], "properties": {
  "id": {"type": "string"}, "pair": {"type": "string", "description": "Which token pair; empty: the main one"},
  "main": {"type": ["string", "null"], "description": "Of a further token pair: the connection that it belongs to"},
  "pairs": {"type": "array", "items": {"$ref": "#/components/schemas/Connection"},
    "description": "Further token pairs, each with its own status and ends; where one connection is shown"},
  "allowed_hosts": {"type": "array", "items": {"type": "string"},
    "description": "Where its token may be sent, exact or as *.example.com; where one connection is shown"},
  "registration": {"type": "string"}, "tenant": {"type": "string"}, "realm": {"type": "string"},
  "status": {"type": "string", "enum": ["active", "reauth_required", "revoking", "revoked", "quarantined"]},
  "reason": {"type": "string"}, "generation": {"type": "integer"},
  "scope": {"type": "array", "items": {"type": "string"}},
  "missing_scope": {"type": "array", "items": {"type": "string"}, "description": "Asked for and not granted"},
  "extras": {"type": "object", "additionalProperties": {"type": "string"}},
  "access_expires_at": {"type": ["string", "null"]}, "refresh_idle_expires_at": {"type": ["string", "null"]},
  "refresh_absolute_expires_at": {"type": ["string", "null"]},
  "access_only": {"type": "boolean", "description": "There is nothing to refresh with: it ends with the access token"},
  "issuer": {"type": "string"}, "subject": {"type": "string"},
  "next_due_at": {"type": ["string", "null"]}, "last_used_at": {"type": ["string", "null"]},
  "last_refreshed_at": {"type": ["string", "null"]}, "created_at": {"type": "string"}, "updated_at": {"type": "string"},
  "failure": {"type": ["object", "null"], "properties": {"class": {"type": "string"}, "count": {"type": "integer"},
    "since": {"type": ["string", "null"]}, "code": {"type": "string"}, "correlation": {"type": "string"}}},
  "revocation": {"type": "object", "properties": {"waiting": {"type": "array", "items": {"type": "object", "properties": {
    "tries": {"type": "integer"}, "next_try_at": {"type": "string"}, "last_error": {"type": "string"}}}}}}}},
"ConnectionPage": {"type": "object", "required": ["items", "next"], "properties": {
  "items": {"type": "array", "items": {"$ref": "#/components/schemas/Connection"}}, "next": {"type": ["string", "null"]}}},
"ImportRequest": {"type": "object", "additionalProperties": false, "required": ["registration", "tenant"], "properties": {
  "registration": {"type": "string"}, "tenant": {"type": "string"}, "realm": {"type": "string"},
  "access_token": {"type": "string"}, "refresh_token": {"type": "string"},
  "access_expires_at": {"type": ["string", "integer"]}, "refresh_idle_expires_at": {"type": ["string", "integer"]},
  "refresh_absolute_expires_at": {"type": ["string", "integer"]},
  "scope": {"type": "array", "items": {"type": "string"}},
  "pairs": {"type": "array", "description": "Further token pairs that the profile names", "items": {
    "type": "object", "additionalProperties": false, "required": ["pair"], "properties": {"pair": {"type": "string"},
    "access_token": {"type": "string"}, "refresh_token": {"type": "string"},
    "access_expires_at": {"type": ["string", "integer"]}, "refresh_idle_expires_at": {"type": ["string", "integer"]},
    "refresh_absolute_expires_at": {"type": ["string", "integer"]},
    "scope": {"type": "array", "items": {"type": "string"}}}}},
  "verify": {"type": "boolean", "description": "Refresh once before it is stored as active"}}},
"ConnectRequest": {"type": "object", "additionalProperties": false, "required": ["registration", "tenant"], "properties": {
  "registration": {"type": "string"}, "tenant": {"type": "string", "maxLength": 200},
  "return_to": {"type": "string", "description": "Where the browser goes afterwards; must be on the registration's list"},
  "scopes": {"type": "array", "items": {"type": "string"}}, "login_hint": {"type": "string"},
  "connection": {"type": "string", "description": "Reconnect this one"}}},
"ConnectLink": {"type": "object", "additionalProperties": false, "required": ["id", "url", "expires_at"], "properties": {
  "id": {"type": "string"}, "url": {"type": "string", "description": "One-time: send the customer's browser there"},
  "expires_at": {"type": "string"}}},
"ConnectSession": {"type": "object", "additionalProperties": false, "required": ["id", "status", "connection"], "properties": {
  "id": {"type": "string"}, "registration": {"type": "string"}, "tenant": {"type": "string"},
  "status": {"type": "string", "description": "pending, opened, expired, connected, cancelled, foreign_browser, or an error code"},
  "connection": {"type": ["string", "null"]}, "expires_at": {"type": "string"}}},
"OffboardReport": {"type": "object", "additionalProperties": false, "required": ["tenant", "connections", "waiting", "keys_shredded"],
  "properties": {"tenant": {"type": "string"}, "connections": {"type": "integer"}, "already_revoked": {"type": "integer"},
  "waiting": {"type": "integer"}, "keys_shredded": {"type": "boolean"}, "at": {"type": "string"}}},
"Event": {"type": "object", "additionalProperties": false, "required": ["sequence", "at", "type", "connection"], "properties": {
  "sequence": {"type": "integer"}, "at": {"type": "string"}, "type": {"type": "string"}, "connection": {"type": "string"},
  "registration": {"type": "string"}, "tenant": {"type": "string"}, "realm": {"type": "string"}, "generation": {"type": "integer"},
  "detail": {"type": "string"}, "code": {"type": "string"}, "correlation": {"type": "string"},
  "pair": {"type": "string", "description": "Which token pair; empty: the main one"}}},
"EventPage": {"type": "object", "required": ["items", "next"], "properties": {
  "items": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}}, "next": {"type": ["string", "null"]}}},
"RegistrationPage": {"type": "object", "required": ["items", "next"], "properties": {"next": {"type": ["string", "null"]},
  "items": {"type": "array", "items": {"type": "object", "required": ["id", "provider", "environment"], "properties": {
  "id": {"type": "string"}, "provider": {"type": "string"}, "environment": {"type": "string"}, "client_id": {"type": "string"},
  "redirect_uri": {"type": "string"}, "scopes": {"type": "array", "items": {"type": "string"}},
  "return_urls": {"type": "array", "items": {"type": "string"}},
  "claims": {"type": "array", "items": {"type": "string"}}, "security": {"enum": ["baseline", "strict"]},
  "paused": {"type": ["object", "null"], "properties": {"code": {"type": "string"}, "detail": {"type": "string"},
    "since": {"type": "string"}}},
  "held": {"type": ["object", "null"], "properties": {"since": {"type": "string"}, "failed": {"type": "integer"},
    "refreshed": {"type": "integer"}}}}}}}},
"ProviderPage": {"type": "object", "required": ["items", "next"], "properties": {"next": {"type": ["string", "null"]},
  "items": {"type": "array", "items": {"type": "object", "required": ["id", "environment", "display_name"], "properties": {
  "id": {"type": "string"}, "environment": {"type": "string"}, "display_name": {"type": "string"},
  "documentation": {"type": "string"}}}}}},
"Caller": {"type": "object", "required": ["id", "name", "verbs"], "properties": {
  "id": {"type": "string"}, "name": {"type": "string"}, "verbs": {"type": "array", "items": {"type": "string"}},
  "registrations": {"type": "array", "items": {"type": "string"}}, "tenants": {"type": "array", "items": {"type": "string"}},
  "connections": {"type": "array", "items": {"type": "string"}, "description": "Empty: all that registrations and tenants allow"},
  "methods": {"type": "array", "items": {"type": "string"}, "description": "Of calls at the provider; empty: all"},
  "paths": {"type": "array", "items": {"type": "string"}, "description": "Of calls at the provider; empty: all"},
  "requests_per_minute": {"type": "integer", "description": "0: no limit"},
  "parent": {"type": ["string", "null"], "description": "Of a derived key: the caller that it ends with"},
  "key_prefix": {"type": "string"}, "expires_at": {"type": ["string", "null"]}, "revoked_at": {"type": ["string", "null"]},
  "created_at": {"type": "string"}}},
"CallerPage": {"type": "object", "required": ["items", "next"], "properties": {
  "items": {"type": "array", "items": {"$ref": "#/components/schemas/Caller"}}, "next": {"type": ["string", "null"]}}},
"CallerRequest": {"type": "object", "additionalProperties": false, "required": ["name", "verbs"], "properties": {
  "name": {"type": "string", "maxLength": 100},
  "verbs": {"type": "array", "items": {"type": "string", "enum": ["token:read", "connection:read", "connection:write", "connect",
    "revoke", "proxy", "admin"]}},
  "registrations": {"type": "array", "items": {"type": "string"}, "description": "Ids, or [\"*\"]; default: none"},
  "tenants": {"type": "array", "items": {"type": "string"}, "description": "Tenants, or [\"*\"]; default: none"},
  "connections": {"type": "array", "items": {"type": "string"}, "description": "Only these; default: all that registrations and tenants allow"},
  "methods": {"type": "array", "items": {"type": "string"}, "description": "Of calls at the provider, in capitals; default: all"},
  "paths": {"type": "array", "items": {"type": "string"}, "description": "Of calls at the provider: /v3/company/*/invoice allows that path and those below it; default: all"},
  "requests_per_minute": {"type": "integer", "minimum": 1, "description": "Further ones are answered 429; default: no limit"},
  "expires_in": {"type": "integer", "minimum": 60, "description": "Seconds; absent: no end"}}},
"DeriveRequest": {"type": "object", "additionalProperties": false, "properties": {
  "name": {"type": "string", "maxLength": 100},
  "verbs": {"type": "array", "items": {"type": "string"}, "description": "This and what follows: parts of what one's own key has; absent: as it has them"},
  "registrations": {"type": "array", "items": {"type": "string"}}, "tenants": {"type": "array", "items": {"type": "string"}},
  "connections": {"type": "array", "items": {"type": "string"}}, "methods": {"type": "array", "items": {"type": "string"}},
  "paths": {"type": "array", "items": {"type": "string"}}, "requests_per_minute": {"type": "integer", "minimum": 1},
  "lifetime": {"type": "integer", "minimum": 1, "description": "Seconds, at most 86400, and never beyond the end of one's own key; default 900"}}},
"ExplainRequest": {"type": "object", "additionalProperties": false, "required": ["caller", "verb"], "properties": {
  "caller": {"type": "string"}, "verb": {"type": "string"},
  "connection": {"type": "string", "description": "About this one; or else"},
  "registration": {"type": "string", "description": "about this one, or * for all"}, "tenant": {"type": "string"},
  "method": {"type": "string", "description": "Of a call at the provider, with path"},
  "path": {"type": "string", "description": "As it is sent, percent-encoded, without query"}}},
"Explanation": {"type": "object", "additionalProperties": false, "required": ["allowed", "refused_by", "reason", "callers"], "properties": {
  "allowed": {"type": "boolean"},
  "refused_by": {"type": ["string", "null"], "description": "state, or the first rule that does not hold"},
  "reason": {"type": "string"},
  "callers": {"type": "array", "description": "The caller, then those that it derives from", "items": {"type": "object",
  "required": ["id", "name", "state", "rules"], "properties": {"id": {"type": "string"}, "name": {"type": "string"},
  "state": {"type": "string", "enum": ["valid", "expired", "revoked"]}, "requests_per_minute": {"type": "integer"},
  "rules": {"type": "array", "items": {"type": "object", "required": ["rule", "holds", "policy", "asked"], "properties": {
  "rule": {"type": "string", "enum": ["verb", "installation", "registration", "tenant", "connection", "token", "method", "path"]},
  "holds": {"type": "boolean"}, "policy": {"type": "string"}, "asked": {"type": "string"}}}}}}}}},
"NewCaller": {"type": "object", "required": ["id", "key"], "properties": {
  "id": {"type": "string"}, "name": {"type": "string"}, "verbs": {"type": "array", "items": {"type": "string"}},
  "registrations": {"type": "array", "items": {"type": "string"}}, "tenants": {"type": "array", "items": {"type": "string"}},
  "connections": {"type": "array", "items": {"type": "string"}}, "methods": {"type": "array", "items": {"type": "string"}},
  "paths": {"type": "array", "items": {"type": "string"}}, "requests_per_minute": {"type": "integer"},
  "parent": {"type": ["string", "null"]},
  "key": {"type": "string", "description": "Shown this once"}, "key_prefix": {"type": "string"},
  "expires_at": {"type": ["string", "null"]}, "revoked_at": {"type": ["string", "null"]}, "created_at": {"type": "string"}}},
"AuditPage": {"type": "object", "required": ["items", "next"], "properties": {"next": {"type": ["string", "null"]},
  "items": {"type": "array", "items": {"type": "object", "required": ["sequence", "at", "caller", "action", "result"], "properties": {
  "sequence": {"type": "integer"}, "at": {"type": "string"}, "caller": {"type": "string"}, "action": {"type": "string"},
  "result": {"type": "string"}, "registration": {"type": "string"}, "tenant": {"type": "string"}, "connection": {"type": "string"},
  "fingerprint": {"type": "string"}, "detail": {"type": "string"}, "remote": {"type": "string"},
  "count": {"type": "integer", "minimum": 1, "description": "How often just this happened from `at` to `last_at`"},
  "last_at": {"type": "string"}}}}}},
"KeyPage": {"type": "object", "required": ["items", "next"], "properties": {"next": {"type": ["string", "null"]},
  "items": {"type": "array", "items": {"type": "object", "required": ["id", "kind", "state"], "properties": {
  "id": {"type": "string"}, "kind": {"type": "string"}, "tenant": {"type": "string"}, "state": {"type": "string"},
  "wrapped_by": {"type": "string"}, "seals_reserved": {"type": "integer"}, "created_at": {"type": "string"}}}}}},
"RotateRequest": {"type": "object", "additionalProperties": false, "required": ["what"], "properties": {
  "what": {"type": "string", "enum": ["kek", "root", "tenant"]}, "tenant": {"type": "string"}}},
"RotationReport": {"type": "object", "additionalProperties": false, "properties": {
  "rewrapped_root_keys": {"type": "integer"}, "rewrapped_tenant_keys": {"type": "integer"}, "resealed_records": {"type": "integer"},
  "retired_keys": {"type": "integer"}, "unreadable_records": {"type": "integer"}}},
"IdTokenQuestion": {"type": "object", "additionalProperties": false, "required": ["registration", "id_token"], "properties": {
  "registration": {"type": "string", "description": "Whose provider signed it, and whose client_id it is for"},
  "id_token": {"type": "string", "description": "The compact JWS as it came"},
  "nonce": {"type": ["string", "null"], "description": "As it was sent; absent: not checked"},
  "access_token": {"type": ["string", "null"], "description": "That came beside it; at_hash has to fit"},
  "max_age": {"type": ["integer", "null"], "minimum": 0, "description": "Seconds, as asked for: the sign-in may be so long ago"},
  "acr_values": {"type": "array", "items": {"type": "string"}, "description": "As asked for: acr has to be one of them"},
  "realm": {"type": ["string", "null"], "description": "Which realm it has to name, where it names one"},
  "connection": {"type": ["string", "null"], "description": "It has to be about this connection's realm, issuer and subject"}}},
"IdTokenVerdict": {"type": "object", "required": ["valid"], "properties": {
  "valid": {"type": "boolean"},
  "check": {"type": "string", "description": "The check that failed: format, encryption, alg, key, signature, typ, iss, aud, …"},
  "reason": {"type": "string"}, "hint": {"type": "string"}, "issuer": {"type": "string"}, "subject": {"type": "string"},
  "audience": {"type": "array", "items": {"type": "string"}}, "issued_at": {"type": "string"}, "expires_at": {"type": "string"},
  "auth_time": {"type": ["string", "null"]}, "claims": {"type": "object", "additionalProperties": {"type": "string"}}}},
"UserInfo": {"type": "object", "required": ["connection", "subject_checked", "claims"], "properties": {
  "connection": {"type": "string"}, "issuer": {"type": "string"}, "subject": {"type": "string"},
  "subject_checked": {"type": "boolean", "description": "sub is the user of the connection's ID token; false: it had none"},
  "claims": {"type": "object", "description": "As the provider gave them: data to show, not to trust"}}},
"Health": {"type": "object", "additionalProperties": false, "required": ["status"], "properties": {"status": {"type": "string"}}},
"JwkSet": {"type": "object", "additionalProperties": false, "required": ["keys"], "properties": {
  "keys": {"type": "array", "description": "RFC 7517 5: the key that signs, and while one is replaced the next or the one before",
    "items": {"type": "object", "required": ["kty", "kid", "alg", "use"], "properties": {
      "kty": {"type": "string"}, "kid": {"type": "string"}, "alg": {"type": "string"}, "use": {"type": "string"}}}}}},
"OpenApi": {"type": "object", "required": ["openapi", "info", "paths"]}
})json";

}  // namespace

boost::json::object openapi_schemas() { return boost::json::parse(schemas).as_object(); }

}  // namespace evergrant
