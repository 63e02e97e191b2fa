#include <array>

#include "api/handlers.hpp"
#include "api/route.hpp"

namespace evergrant {
namespace {

constexpr std::string_view page_query = "limit cursor";

constexpr std::array table{
    Route{"GET", "/v1/connections/{id}/token", Verb::token_read, "token.read", "A working access token", "min_ttl wait pair",
          "", "Token", 200, false, &Handlers::read_token},
    Route{"GET", "/v1/registrations/{registration}/realms/{realm}/token", Verb::token_read, "token.read_by_realm",
          "A working access token for a realm", "min_ttl wait pair", "", "Token", 200, false,
          &Handlers::read_token_of_realm},
    Route{"POST", "/v1/connections/{id}/refresh", Verb::token_read, "token.refresh",
          "Refresh unless a newer generation than the given one exists", "wait pair", "RefreshRequest", "Token", 200, false,
          &Handlers::refresh_token},
    Route{"GET", "/v1/connections", Verb::connection_read, "connection.list", "List connections",
          "tenant registration realm status pairs limit cursor", "", "ConnectionPage", 200, false,
          &Handlers::list_connections},
    Route{"POST", "/v1/connections", Verb::connection_write, "connection.import", "Import existing tokens", "",
          "ImportRequest", "Connection", 201, true, &Handlers::import_connection},
    Route{"GET", "/v1/connections/{id}", Verb::connection_read, "connection.show", "One connection, without tokens", "", "",
          "Connection", 200, false, &Handlers::show_connection},
    Route{"GET", "/v1/connections/{id}/events", Verb::connection_read, "connection.events",
          "A connection's story, newest first", page_query, "", "EventPage", 200, false, &Handlers::list_timeline},
    Route{"DELETE", "/v1/connections/{id}", Verb::revoke, "connection.revoke", "Revoke at the provider, then shred", "force",
          "", "Connection", 202, false, &Handlers::revoke_connection},
    Route{"POST", "/v1/connections/{id}/release", Verb::admin, "connection.release",
          "Release a quarantined connection; its refresh token is tried once", "pair", "", "Connection", 200, false,
          &Handlers::release_connection},
    Route{"DELETE", "/v1/tenants/{tenant}", Verb::revoke, "tenant.offboard",
          "Revoke all of a tenant's connections, shred its key", "", "", "OffboardReport", 202, false,
          &Handlers::offboard_tenant},
    Route{"POST", "/v1/connect-sessions", Verb::connect, "connect.start", "Make a one-time connect link", "",
          "ConnectRequest", "ConnectLink", 201, true, &Handlers::create_connect_session},
    Route{"GET", "/v1/connect-sessions/{id}", Verb::connect, "connect.show", "How a connect session stands", "", "",
          "ConnectSession", 200, false, &Handlers::show_connect_session},
    Route{"GET", "/connect/{token}", std::nullopt, "connect.open", "The one-time link: on to the provider", "*", "", "", 303,
          false, &Handlers::open_connect_link},
    Route{"GET", "/callback/{registration}", std::nullopt, "connect.callback", "The provider's answer", "*", "", "", 303,
          false, &Handlers::provider_callback},
    Route{"GET", "/connect-result/{session}", std::nullopt, "connect.result", "The result page", "*", "", "", 200, false,
          &Handlers::connect_result},
    Route{"POST", "/v1/id-tokens/verify", Verb::token_read, "id_token.verify",
          "Validate an ID token of a registration's provider; the answer names the check that failed", "", "IdTokenQuestion",
          "IdTokenVerdict", 200, false, &Handlers::verify_id_token},
    Route{"GET", "/v1/connections/{id}/userinfo", Verb::token_read, "userinfo.read",
          "What the provider says now about the user of a connection", "wait", "", "UserInfo", 200, false,
          &Handlers::read_user_info},
    Route{"GET", "/v1/events", Verb::connection_read, "event.list", "What happened, oldest first",
          "connection tenant registration realm limit cursor", "", "EventPage", 200, false, &Handlers::list_events},
    Route{"GET", "/v1/registrations", Verb::connection_read, "registration.list", "Our clients at providers", "", "",
          "RegistrationPage", 200, false, &Handlers::list_registrations},
    Route{"POST", "/v1/registrations/{registration}/resume", Verb::admin, "registration.resume",
          "Resume a registration that the provider refused", "", "", "", 204, false, &Handlers::resume_registration},
    Route{"POST", "/v1/registrations/{registration}/release-hold", Verb::admin, "registration.release_hold",
          "Believe a provider again that refused unusually many grants", "", "", "", 204, false,
          &Handlers::release_registration_hold},
    Route{"GET", "/v1/providers", Verb::connection_read, "provider.list", "Provider profiles", "", "", "ProviderPage", 200,
          false, &Handlers::list_providers},
    Route{"GET", "/v1/callers", Verb::admin, "caller.list", "List callers", page_query, "", "CallerPage", 200, false,
          &Handlers::list_callers, true},
    Route{"POST", "/v1/callers", Verb::admin, "caller.create", "Create a caller; its key is shown once", "", "CallerRequest",
          "NewCaller", 201, true, &Handlers::create_caller, true},
    Route{"DELETE", "/v1/callers/{id}", Verb::admin, "caller.revoke", "Revoke a caller's key", "", "", "", 204, false,
          &Handlers::revoke_caller, true},
    Route{"GET", "/v1/audit", Verb::admin, "audit.list", "The audit trail, newest first", "connection caller limit cursor",
          "", "AuditPage", 200, false, &Handlers::list_audit, true},
    Route{"GET", "/v1/keys", Verb::admin, "key.list", "Root keys, or a tenant's keys", "tenant", "", "KeyPage", 200, false,
          &Handlers::list_keys, true},
    Route{"POST", "/v1/keys/rotate", Verb::admin, "key.rotate", "Rotate keys online", "", "RotateRequest", "RotationReport",
          200, false, &Handlers::rotate_keys, true},
    Route{"POST", "/v1/keys/{id}/retire", Verb::admin, "key.retire", "Retire a key that nothing uses", "", "", "", 204,
          false, &Handlers::retire_key, true},
    Route{"GET", "/healthz", std::nullopt, "health", "The process is alive", "", "", "Health", 200, false,
          &Handlers::health},
    Route{"GET", "/readyz", std::nullopt, "ready", "The store can be written", "", "", "Health", 200, false,
          &Handlers::ready},
    Route{"GET", "/metrics", Verb::admin, "metrics", "Prometheus metrics", "", "", "", 200, false, &Handlers::metrics, true},
    Route{"GET", "/openapi.json", std::nullopt, "openapi", "This document", "", "", "OpenApi", 200, false,
          &Handlers::openapi},
    Route{"GET", "/", std::nullopt, "front_page", "A page for newcomers", "*", "", "", 200, false, &Handlers::front_page},
};

constexpr Route proxied{"*",
                        "/v1/connections/{id}/proxy/{path}",
                        Verb::proxy,
                        "proxy",
                        "A call to the provider's API with the connection's token, which the caller does not see",
                        "*",
                        "*",
                        ""};

}  // namespace

std::span<const Route> routes() { return table; }
const Route& proxy_route() noexcept { return proxied; }

}  // namespace evergrant
