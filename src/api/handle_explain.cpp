#include "access/explain.hpp"
#include "api/handlers.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_explained = 200;
constexpr std::size_t longest_path = 4000;

struct ExplainQuestion {
  CallerId caller;
  AccessRequest request;
};

Result<> check_explain_target(const AccessRequest& request, bool one_call_member) {
  if (one_call_member) return fail(Errc::invalid_argument, "'method' and 'path' go together: a call at the provider");
  const bool by_account = request.registration || request.tenant;
  if (request.connection && by_account) {
    return fail(Errc::invalid_argument, "'connection' says which registration and tenant: leave those out");
  }
  if (request.registration.has_value() != request.tenant.has_value()) {
    return fail(Errc::invalid_argument, "'registration' and 'tenant' go together", "for all of them write *");
  }
  return {};
}

Result<ExplainQuestion> read_explain_question(const HttpRequest& http, std::size_t depth) {
  auto body = JsonBody::parse(http, depth);
  if (!body) return std::unexpected(body.error());
  ExplainQuestion question;
  question.caller = CallerId{body->text("caller", longest_explained)};
  const auto verb_text = body->text("verb", longest_explained);
  const auto id = body->optional_text("connection", longest_explained);
  const auto registration = body->optional_text("registration", longest_explained);
  const auto tenant = body->optional_text("tenant", longest_explained);
  ProviderCall provider_call{.method = body->optional_text("method", longest_explained),
                             .path = body->optional_text("path", longest_path)};
  if (auto read = body->finish(); !read) return std::unexpected(read.error());
  const auto verb = verb_from(verb_text);
  if (!verb) {
    return fail(Errc::invalid_argument, "'verb': '" + printable(verb_text, 40) + "' is not a verb",
                "verbs are token:read, connection:read, connection:write, connect, revoke, proxy, admin");
  }
  question.request.verb = *verb;
  if (!id.empty()) question.request.connection = ConnectionId{id};
  if (!registration.empty()) question.request.registration = RegistrationId{registration};
  if (!tenant.empty()) question.request.tenant = TenantId{tenant};
  const bool one_call_member = provider_call.method.empty() != provider_call.path.empty();
  if (auto checked = check_explain_target(question.request, one_call_member); !checked) {
    return std::unexpected(checked.error());
  }
  if (!provider_call.path.empty()) question.request.call = std::move(provider_call);
  return question;
}

boost::json::object explanation_body(const Explanation& explanation) {
  boost::json::array callers;
  for (const auto& caller : explanation.callers) {
    boost::json::array rules;
    for (const auto& rule : caller.rules) {
      rules.push_back(boost::json::object{
          {"rule", to_string(rule.rule)}, {"holds", rule.holds}, {"policy", rule.policy}, {"asked", rule.asked}});
    }
    callers.push_back(boost::json::object{{"id", caller.id.str()},
                                          {"name", caller.name},
                                          {"state", caller.state},
                                          {"requests_per_minute", caller.requests_per_minute},
                                          {"rules", std::move(rules)}});
  }
  boost::json::object body{{"allowed", explanation.allowed}, {"refused_by", nullptr}, {"reason", explanation.reason}};
  if (!explanation.refused_by.empty()) body["refused_by"] = explanation.refused_by;
  body["callers"] = std::move(callers);
  return body;
}

}  // namespace

Task<Result<Reply>> Handlers::explain_caller(Call& call) const {
  auto question = read_explain_question(call.request, options_.json_depth);
  if (!question) co_return std::unexpected(question.error());
  AccessRequest& request = question->request;
  call.audit.detail = "about " + question->caller.str();
  auto caller = is_local(question->caller) ? options_.local_callers->find(question->caller)
                                           : co_await parts_.store.caller(question->caller);
  if (!caller) co_return std::unexpected(caller.error());
  if (request.connection) {
    auto connection = co_await visible_connection(call, *request.connection);
    if (!connection) co_return std::unexpected(connection.error());
    request.connection = public_id(*connection);
    request.registration = connection->registration;
    request.tenant = connection->tenant;
  }
  std::vector<Caller> ancestors;
  for (const auto& ancestor : caller->ancestors) {
    auto found = co_await parts_.store.caller(ancestor.id);
    if (!found && found.error().code != Errc::not_found) co_return std::unexpected(found.error());
    if (found) ancestors.push_back(std::move(*found));
  }
  co_return json_reply(200, explanation_body(explain(*caller, ancestors, request, parts_.clock.now())));
}

}  // namespace evergrant
