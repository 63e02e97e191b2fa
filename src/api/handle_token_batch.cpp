// POST /v1/tokens:batch: the tokens of several connections in one answer, each for itself: one that cannot be had is a
// problem in its place, and those that are in memory wait for none.
#include "api/handlers.hpp"
#include "api/problem.hpp"
#include "net/wiping.hpp"

namespace evergrant {
namespace {

constexpr std::size_t most_connections = 100;
constexpr std::int64_t longest_batch_ttl = 366LL * 24 * 3600;
constexpr std::int64_t longest_batch_wait = 120;

struct Batch {
  std::vector<ConnectionId> connections;
  ReadRequest request;
};

Result<Batch> read_batch(const HttpRequest& request, std::size_t depth) {
  auto body = JsonBody::parse(request, depth);
  if (!body) return std::unexpected(body.error());
  Batch batch;
  for (auto& id : body->texts("connections")) batch.connections.emplace_back(std::move(id));
  batch.request.min_ttl = std::chrono::seconds{body->integer("min_ttl", 0, longest_batch_ttl).value_or(0)};
  if (const auto wait = body->integer("wait", 0, longest_batch_wait)) batch.request.deadline = std::chrono::seconds{*wait};
  if (auto read = body->finish(); !read) return std::unexpected(read.error());
  if (batch.connections.empty() || batch.connections.size() > most_connections) {
    return fail(Errc::invalid_argument, "'connections': expected a list of 1 to 100 ids",
                "ask for further ones with another request");
  }
  return batch;
}

std::string problem_item(const ConnectionId& id, const Error& error) {
  return R"({"connection":)" + boost::json::serialize(boost::json::string_view{printable(id.str(), 80)}) + R"(,"problem":)" +
         to_response(error).body + '}';
}

}  // namespace

// Handed out and in the audit trail, or neither.
std::string Handlers::batch_item(const Caller& caller, std::string_view remote, const ConnectionId& asked,
                                 Result<TokenLease> lease) const {
  const std::string fingerprint = lease ? lease->mark.fingerprint() : std::string{};
  std::string detail = lease ? "generation " + std::to_string(lease->generation) : std::string{};
  if (lease && !lease->pair.empty()) detail += ", pair " + lease->pair;
  std::string_view connection;
  if (may_be_id(asked)) connection = asked.str();
  if (lease) connection = lease->connection.str();
  if (!caller.ancestors.empty()) detail += (detail.empty() ? "" : ", ") + derived_from(caller);
  const AuditNote note{.caller = caller.id.str(),
                       .action = "token.read",
                       .result = lease ? "ok" : to_string(lease.error().code),
                       .registration = lease ? lease->registration.str() : std::string_view{},
                       .tenant = lease ? lease->tenant.str() : std::string_view{},
                       .connection = connection,
                       .fingerprint = fingerprint,
                       .detail = detail,
                       .remote = remote};
  const Time now = parts_.clock.now();
  if (const auto recorded = parts_.audit.record(note, now); !recorded) return problem_item(asked, recorded.error());
  return lease ? token_body(*lease, now) : problem_item(asked, lease.error());
}

Task<Result<TokenLease>> Handlers::lease_for(std::shared_ptr<const Caller> caller, ConnectionId id,
                                             ReadRequest request) const {
  if (!may_be_id(id)) co_return std::unexpected(no_such_connection(id.str()));
  const auto may_read = [&caller](const RegistrationId& registration, const TenantId& tenant,
                                  const ConnectionId& connection) {
    return authorise(*caller,
                     {.verb = Verb::token_read, .registration = registration, .tenant = tenant, .connection = connection})
        .has_value();
  };
  auto now = parts_.tokens.read_now(id, request);
  if (now && !may_read(now->registration, now->tenant, now->connection))
    co_return std::unexpected(no_such_connection(id.str()));
  if (now) co_return std::move(*now);
  const auto row = co_await parts_.store.connection(id);
  if (!row && row.error().code != Errc::not_found) co_return std::unexpected(row.error());
  if (!row || !may_read(row->registration, row->tenant, public_id(*row)))
    co_return std::unexpected(no_such_connection(id.str()));
  auto lease = co_await parts_.tokens.token(id, request);
  co_return lease;
}

Task<Result<Reply>> Handlers::read_token_batch(Call& call) const {
  auto batch = read_batch(call.request, options_.json_depth);
  if (!batch) co_return std::unexpected(batch.error());
  call.audit.detail = std::to_string(batch->connections.size()) + " connections";
  std::vector<Completion<std::string>> items(batch->connections.size());
  Executor& here = co_await current_executor();
  for (std::size_t i = 0; i < items.size(); ++i) {
    // Each ends with its own read, at the latest at the request's deadline; what it is for stays until all have ended.
    spawn(here,
          [](const Handlers& self, std::shared_ptr<const Caller> caller, std::string remote, ConnectionId id,
             ReadRequest request, Completion<std::string> item) -> Task<void> {
            try {
              auto lease = co_await self.lease_for(caller, id, request);
              item.set(self.batch_item(*caller, remote, id, std::move(lease)));
            } catch (const std::exception&) {  // as for a request of its own
              item.set(problem_item(id, {Errc::internal, "the server failed to read this token", {}}));
            }
          }(*this, call.caller, call.request.remote, batch->connections[i], batch->request, items[i]));
  }
  std::string body = R"({"items":[)";
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::string item = co_await items[i];
    append_wiping(body, i > 0 ? "," : "");
    append_wiping(body, item);
    wipe(item);
  }
  append_wiping(body, "]}");
  co_return Reply{.status = 200, .body = std::move(body), .content_type = "application/json", .headers = {}};
}

}  // namespace evergrant
