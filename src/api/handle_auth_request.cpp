#include "api/handlers.hpp"
#include "proxy/gateway.hpp"
#include "proxy/method_rule.hpp"
#include "proxy/path_class.hpp"

namespace evergrant {
namespace {

// What a gateway's question is about, once it is known.
struct GatewayAccount {
  const RegistrationId& registration;
  const TenantId& tenant;
  const RealmId& realm;
  const ConnectionId& connection;
};

Error no_such_account() {
  return {Errc::not_found, "there is no connection as named that this caller may see",
          "list them with: evergrant connections list"};
}

// Not there and not allowed look alike, as everywhere; what is wrong with the call itself is said.
Result<> permit_call(Call& call, const GatewayQuestion& question, const GatewayAccount& about,
                     const Registrations& registrations) {
  call.audit.connection = about.connection;
  call.audit.registration = about.registration;
  call.audit.tenant = about.tenant;
  if (question.call) {
    call.audit.detail = printable(question.call->method, 20) + ' ' + path_class(question.call->path, about.realm.str());
  }
  const AccessRequest access{.verb = Verb::token_read,
                             .registration = about.registration,
                             .tenant = about.tenant,
                             .connection = about.connection,
                             .call = question.call};
  for (const Rule rule : {Rule::registration, Rule::tenant, Rule::connection}) {
    if (holds(rule, *call.caller, access)) continue;
    call.audit.detail = "denied by policy";
    return std::unexpected(no_such_account());
  }
  if (auto allowed = authorise(*call.caller, access); !allowed) return allowed;
  if (question.names_method && !call.caller->policy.methods.empty()) return std::unexpected(names_another_method());
  const auto* registration = registrations.find(about.registration);
  if (registration == nullptr) return std::unexpected(no_such_account());
  if (!question.call) return {};
  return check_gateway_call(registration->provider.inject, about.realm.str(), *question.call);
}

}  // namespace

Result<Reply> Handlers::gateway_reply(Call& call, Result<TokenLease> lease) const {
  if (!lease) return std::unexpected(lease.error());
  const auto* registration = parts_.registrations.find(lease->registration);
  if (registration == nullptr) return std::unexpected(no_such_account());
  auto fields = gateway_fields(registration->provider.inject, *lease);
  if (!fields) return std::unexpected(fields.error());
  call.audit.fingerprint = lease->mark.fingerprint();
  call.audit.detail += (call.audit.detail.empty() ? "" : ", ") + ("generation " + std::to_string(lease->generation));
  if (!lease->pair.empty()) call.audit.detail += ", pair " + lease->pair;
  Reply reply{.status = 200, .body = {}, .content_type = {}, .headers = {}};
  for (auto& field : *fields) reply.headers.emplace_back(std::move(field.name), std::move(field.value));
  return reply;
}

Task<Result<Connection>> Handlers::connection_asked_by_gateway(GatewayQuestion question) const {
  if (question.connection.empty()) co_return co_await parts_.store.connection_of(question.registration, question.realm);
  if (!may_be_id(question.connection)) co_return std::unexpected(no_such_account());
  co_return co_await parts_.store.connection(question.connection);
}

Task<Result<Reply>> Handlers::auth_request(Call& call) const {
  const auto question = read_gateway_question(call.request.headers);
  if (!question) co_return std::unexpected(question.error());
  const ReadRequest request{.min_ttl = {}, .deadline = std::nullopt};
  const auto& [connection, registration, realm, pair, provider_call, names_method] = *question;
  auto ready = !connection.empty() && pair.empty() ? parts_.tokens.read_now(connection, request)
               : !connection.empty()               ? parts_.tokens.read_now_pair(connection, pair, request)
               : pair.empty()                      ? parts_.tokens.read_now_of(registration, realm, request)
                                                   : std::nullopt;
  if (auto lease = std::move(ready)) {
    const GatewayAccount about{lease->registration, lease->tenant, lease->realm, lease->connection};
    if (auto permitted = permit_call(call, *question, about, parts_.registrations); !permitted) {
      co_return std::unexpected(permitted.error());
    }
    co_return gateway_reply(call, std::move(*lease));
  }
  auto row = co_await connection_asked_by_gateway(*question);
  if (!row && row.error().code == Errc::not_found) co_return std::unexpected(no_such_account());
  if (!row) co_return std::unexpected(row.error());
  const GatewayAccount about{row->registration, row->tenant, row->realm, public_id(*row)};
  if (auto permitted = permit_call(call, *question, about, parts_.registrations); !permitted) {
    co_return std::unexpected(permitted.error());
  }
  call.problem_members = {{"connection", row->id.str()}};
  call.query.emplace_back("pair", pair);
  auto chosen = co_await chosen_pair(call, std::move(*row));
  if (!chosen) co_return std::unexpected(chosen.error());
  auto lease = co_await parts_.tokens.token(chosen->id, request);
  co_return gateway_reply(call, std::move(lease));
}

}  // namespace evergrant
