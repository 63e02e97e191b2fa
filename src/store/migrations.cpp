#include "store/migrations.hpp"

#include <array>

namespace evergrant {

namespace {

// Times are epoch milliseconds. `*_key` names the key that sealed the value beside it (empty: none, or not a sealed record),
// so that a key in use can be found. Lists and maps are JSON texts.
constexpr const char* connections = R"sql(
CREATE TABLE connections (
  id TEXT NOT NULL PRIMARY KEY,
  registration TEXT NOT NULL,
  tenant TEXT NOT NULL,
  realm TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  generation BIGINT NOT NULL,
  access_token BLOB NOT NULL,
  refresh_token BLOB NOT NULL,
  sealed_extras BLOB NOT NULL,
  access_key TEXT NOT NULL,
  refresh_key TEXT NOT NULL,
  extras_key TEXT NOT NULL,
  token_type TEXT NOT NULL,
  scope TEXT NOT NULL,
  missing_scope TEXT NOT NULL,
  extras TEXT NOT NULL,
  access_expires_at BIGINT,
  refresh_idle_expires_at BIGINT,
  refresh_absolute_expires_at BIGINT,
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  upstream_grant TEXT NOT NULL,
  next_due_at BIGINT,
  last_used_at BIGINT,
  last_refreshed_at BIGINT,
  lease_owner TEXT NOT NULL,
  lease_until BIGINT,
  lease_fence BIGINT NOT NULL,
  failure_class TEXT NOT NULL,
  failure_count BIGINT NOT NULL,
  failure_since BIGINT,
  failure_code TEXT NOT NULL,
  failure_correlation TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX connections_live ON connections (registration, realm) WHERE status <> 'revoked';
CREATE INDEX connections_due ON connections (next_due_at) WHERE status = 'active' AND next_due_at IS NOT NULL;
CREATE INDEX connections_by_age ON connections (created_at, id);
CREATE INDEX connections_of_tenant ON connections (tenant, created_at, id);
CREATE INDEX connections_of_registration ON connections (registration, created_at, id);
CREATE INDEX connections_of_tenant_by_id ON connections (tenant, id);
CREATE INDEX connections_by_status ON connections (status, access_expires_at);
CREATE INDEX connections_sharing ON connections (registration, upstream_grant) WHERE upstream_grant <> '';

CREATE TABLE attempts (
  id TEXT NOT NULL PRIMARY KEY,
  connection TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
  registration TEXT NOT NULL,
  generation BIGINT NOT NULL,
  fence BIGINT NOT NULL,
  sent_at BIGINT NOT NULL,
  answer BLOB NOT NULL,
  answer_key TEXT NOT NULL
);
CREATE INDEX attempts_of_connection ON attempts (connection);
CREATE INDEX attempts_by_age ON attempts (sent_at, id);

CREATE TABLE outbox (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  connection TEXT NOT NULL,
  registration TEXT NOT NULL,
  tenant TEXT NOT NULL,
  realm TEXT NOT NULL,
  generation BIGINT NOT NULL,
  access_token BLOB NOT NULL,
  refresh_token BLOB NOT NULL,
  sealed_extras BLOB NOT NULL,
  access_key TEXT NOT NULL,
  refresh_key TEXT NOT NULL,
  extras_key TEXT NOT NULL,
  tries BIGINT NOT NULL,
  next_try_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  last_error TEXT NOT NULL
);
CREATE INDEX outbox_due ON outbox (next_try_at, id);
CREATE INDEX outbox_of_connection ON outbox (connection);
CREATE INDEX outbox_of_tenant ON outbox (tenant);

CREATE TABLE pauses (
  registration TEXT NOT NULL PRIMARY KEY,
  code TEXT NOT NULL,
  detail TEXT NOT NULL,
  since BIGINT NOT NULL
);
)sql"
                                    R"sql(
CREATE TABLE connect_sessions (
  id TEXT NOT NULL PRIMARY KEY,
  token_hash TEXT NOT NULL,
  state_hash TEXT NOT NULL,
  browser_hash TEXT NOT NULL,
  registration TEXT NOT NULL,
  tenant TEXT NOT NULL,
  reconnect TEXT,
  return_to TEXT NOT NULL,
  login_hint TEXT NOT NULL,
  scope TEXT NOT NULL,
  expected_issuer TEXT NOT NULL,
  secrets BLOB NOT NULL,
  secrets_key TEXT NOT NULL,
  caller TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  outcome TEXT NOT NULL,
  connection TEXT
);
CREATE UNIQUE INDEX connect_sessions_token ON connect_sessions (token_hash);
CREATE UNIQUE INDEX connect_sessions_state ON connect_sessions (state_hash) WHERE state_hash <> '';
CREATE INDEX connect_sessions_of_tenant ON connect_sessions (tenant, expires_at);
CREATE INDEX connect_sessions_by_expiry ON connect_sessions (expires_at);

CREATE TABLE sealing_keys (
  id TEXT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  purpose TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  wrapped_by TEXT NOT NULL,
  state TEXT NOT NULL,
  seals BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sealing_keys_active ON sealing_keys (tenant, purpose) WHERE state = 'active';
CREATE INDEX sealing_keys_of_tenant ON sealing_keys (tenant, created_at);
CREATE INDEX sealing_keys_wrapped_by ON sealing_keys (wrapped_by);

CREATE TABLE callers (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  verbs TEXT NOT NULL,
  registrations TEXT NOT NULL,
  tenants TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  key_prefix TEXT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT,
  last_used_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX callers_key_hash ON callers (key_hash) WHERE key_hash <> '';
CREATE INDEX callers_by_age ON callers (created_at, id);

CREATE TABLE audit (
  sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  at BIGINT NOT NULL,
  caller TEXT NOT NULL,
  action TEXT NOT NULL,
  result TEXT NOT NULL,
  registration TEXT NOT NULL,
  tenant TEXT NOT NULL,
  connection TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  detail TEXT NOT NULL,
  remote TEXT NOT NULL
);
CREATE INDEX audit_of_connection ON audit (connection, sequence);
CREATE INDEX audit_of_caller ON audit (caller, sequence);

CREATE TABLE events (
  sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  at BIGINT NOT NULL,
  type TEXT NOT NULL,
  connection TEXT NOT NULL,
  registration TEXT NOT NULL,
  tenant TEXT NOT NULL,
  realm TEXT NOT NULL,
  generation BIGINT NOT NULL,
  detail TEXT NOT NULL,
  code TEXT NOT NULL,
  correlation TEXT NOT NULL
);
CREATE INDEX events_of_connection ON events (connection, sequence);
CREATE INDEX events_of_tenant ON events (tenant, sequence);

CREATE TABLE idempotency (
  scoped_key TEXT NOT NULL PRIMARY KEY,
  request_hash TEXT NOT NULL,
  status BIGINT NOT NULL,
  body BLOB NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
)sql";

// Without the status in front, SQLite takes the index by status, reads every active row and sorts.
constexpr const char* due_in_order = R"sql(
DROP INDEX connections_due;
CREATE INDEX connections_due ON connections (status, next_due_at, id);
)sql";

// Registrations of which so many connections failed at once that state changes are held; and a way to the leases of one
// owner, which holds only rows that are being refreshed.
constexpr const char* holds = R"sql(
CREATE TABLE holds (
  registration TEXT NOT NULL PRIMARY KEY,
  since BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  refreshed BIGINT NOT NULL,
  released_at BIGINT
);
CREATE INDEX connections_leased ON connections (lease_owner) WHERE lease_owner <> '';
)sql";

// Ends of refresh tokens, and what was announced about them. `granted_at`: the last time the customer connected, where that
// is not when the row was made. An idle end is near when half of its time is over; keep-alive comes sooner, so that few rows
// are ever there.
constexpr const char* reauth_notices = R"sql(
ALTER TABLE connections ADD COLUMN granted_at BIGINT;
CREATE TABLE reauth_notices (
  connection TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
  ending TEXT NOT NULL,
  ends_at BIGINT NOT NULL,
  lead BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (connection, ending)
);
CREATE INDEX connections_idle_half ON connections
  ((refresh_idle_expires_at + COALESCE(last_refreshed_at, created_at)), id) WHERE refresh_idle_expires_at IS NOT NULL;
CREATE INDEX connections_absolute_end ON connections (refresh_absolute_expires_at, id)
  WHERE refresh_absolute_expires_at IS NOT NULL;
)sql";

// Under which fence a row's tokens were asked for. Before, the generation told: attempts of an earlier one belong to a grant
// that was replaced.
constexpr const char* order_of_requests = R"sql(
ALTER TABLE connections ADD COLUMN tokens_fence BIGINT NOT NULL DEFAULT 0;
UPDATE connections SET tokens_fence = COALESCE(
  (SELECT MIN(attempts.fence) - 1 FROM attempts
   WHERE attempts.connection = connections.id AND attempts.generation = connections.generation),
  CASE WHEN lease_owner = '' THEN lease_fence ELSE lease_fence - 1 END);
)sql";

// Further token pairs of a connection (bot and user): rows of their own that name their main one. A pair that consent has
// ended does not stand in the way of a new one while its provider is being told.
constexpr const char* token_pairs = R"sql(
ALTER TABLE connections ADD COLUMN pair TEXT NOT NULL DEFAULT '';
ALTER TABLE connections ADD COLUMN main TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN pair TEXT NOT NULL DEFAULT '';
DROP INDEX connections_live;
CREATE UNIQUE INDEX connections_live ON connections (registration, realm, pair)
  WHERE status <> 'revoked' AND (pair = '' OR status <> 'revoking');
CREATE INDEX connections_of_main ON connections (main, status) WHERE main <> '';
)sql";

// The scheduler asks for each registration by itself: what one has to wait for stands in no other's way. What a refresh
// changes is in no index but those that find what is due and what ends; the few open attempts need no order of their own.
constexpr const char* due_by_registration = R"sql(
DROP INDEX connections_due;
CREATE INDEX connections_due ON connections (status, registration, next_due_at, id);
DROP INDEX connections_by_status;
CREATE INDEX connections_by_status ON connections (status, created_at, id);
CREATE INDEX connections_revoked ON connections (updated_at) WHERE status = 'revoked';
DROP INDEX attempts_by_age;
)sql";

// When half of the idle time is over, as the sum of its two ends (so twice the time). Of a window of eight days or
// more the day is enough (two of that sum), and spares a refresh every hour a change of the index; the look asks more
// precisely. Of a shorter one every row would be near for most of its life.
constexpr const char* idle_half_by_day = R"sql(
ALTER TABLE connections ADD COLUMN idle_half BIGINT;
UPDATE connections SET idle_half = refresh_idle_expires_at + COALESCE(last_refreshed_at, created_at)
  WHERE refresh_idle_expires_at IS NOT NULL;
UPDATE connections SET idle_half = idle_half - idle_half % 172800000
  WHERE idle_half IS NOT NULL AND refresh_idle_expires_at - COALESCE(last_refreshed_at, created_at) >= 691200000;
DROP INDEX connections_idle_half;
CREATE INDEX connections_idle_half ON connections (idle_half, id) WHERE idle_half IS NOT NULL;
)sql";

// What a refreshed ID token has to repeat of the first one, beside issuer and subject (OpenID Connect Core 12.2).
constexpr const char* first_sign_in = R"sql(
ALTER TABLE connections ADD COLUMN sign_in_nonce TEXT NOT NULL DEFAULT '';
ALTER TABLE connections ADD COLUMN signed_in_at BIGINT;
)sql";

// Policies that name connections and calls at the provider, limits of requests, and keys derived from other keys.
constexpr const char* derived_callers = R"sql(
ALTER TABLE callers ADD COLUMN connections TEXT NOT NULL DEFAULT '[]';
ALTER TABLE callers ADD COLUMN methods TEXT NOT NULL DEFAULT '[]';
ALTER TABLE callers ADD COLUMN paths TEXT NOT NULL DEFAULT '[]';
ALTER TABLE callers ADD COLUMN requests_per_minute BIGINT NOT NULL DEFAULT 0;
ALTER TABLE callers ADD COLUMN parent TEXT NOT NULL DEFAULT '';
CREATE INDEX callers_of_parent ON callers (parent, expires_at) WHERE parent <> '';
CREATE INDEX callers_derived_by_end ON callers (expires_at) WHERE parent <> '';
)sql";

// What happens many times within a moment, the same in every respect, is one entry.
constexpr const char* counted_audit = R"sql(
ALTER TABLE audit ADD COLUMN count BIGINT NOT NULL DEFAULT 1;
ALTER TABLE audit ADD COLUMN last_at BIGINT;
)sql";

constexpr std::array<const char*, 11> steps{
    connections,         due_in_order,     holds,         reauth_notices,  order_of_requests, token_pairs,
    due_by_registration, idle_half_by_day, first_sign_in, derived_callers, counted_audit};

}  // namespace

std::span<const char* const> sqlite_migrations() noexcept { return steps; }

}  // namespace evergrant
