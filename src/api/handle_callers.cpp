#include "access/derive.hpp"
#include "api/handlers.hpp"

namespace evergrant {
namespace {

constexpr std::int64_t longest_caller_life = 10LL * 366 * 24 * 3600;
constexpr std::int64_t most_requests_per_minute = 1'000'000;
constexpr std::string_view verbs_hint =
    "verbs are token:read, connection:read, connection:write, connect, revoke, proxy, admin";

template <class T>
std::optional<std::vector<T>> ids_of(const std::optional<std::vector<std::string>>& texts) {
  if (!texts) return std::nullopt;
  std::vector<T> ids;
  for (const auto& text : *texts) ids.emplace_back(text);
  return ids;
}

Result<std::optional<std::vector<Verb>>> verbs_of(const std::optional<std::vector<std::string>>& texts) {
  if (!texts) return std::nullopt;
  std::vector<Verb> verbs;
  for (const auto& text : *texts) {
    const auto verb = verb_from(text);
    if (!verb) {
      return fail(Errc::invalid_argument, "'verbs': '" + printable(text, 40) + "' is not a verb", std::string{verbs_hint});
    }
    verbs.push_back(*verb);
  }
  return verbs;
}

// The members of a policy, those that are there.
Result<WantedPolicy> read_policy(JsonBody& body) {
  auto verbs = verbs_of(body.optional_texts("verbs"));
  if (!verbs) return std::unexpected(verbs.error());
  WantedPolicy wanted;
  wanted.verbs = std::move(*verbs);
  wanted.registrations = ids_of<RegistrationId>(body.optional_texts("registrations"));
  wanted.tenants = ids_of<TenantId>(body.optional_texts("tenants"));
  wanted.connections = ids_of<ConnectionId>(body.optional_texts("connections"));
  wanted.methods = body.optional_texts("methods");
  wanted.paths = body.optional_texts("paths");
  wanted.requests_per_minute = body.integer("requests_per_minute", 1, most_requests_per_minute);
  return wanted;
}

Policy whole_policy(WantedPolicy wanted) {
  return {.verbs = std::move(wanted.verbs).value_or(std::vector<Verb>{}),
          .registrations = std::move(wanted.registrations).value_or(std::vector<RegistrationId>{}),
          .tenants = std::move(wanted.tenants).value_or(std::vector<TenantId>{}),
          .connections = std::move(wanted.connections).value_or(std::vector<ConnectionId>{}),
          .methods = std::move(wanted.methods).value_or(std::vector<std::string>{}),
          .paths = std::move(wanted.paths).value_or(std::vector<std::string>{}),
          .requests_per_minute = wanted.requests_per_minute.value_or(0)};
}

Result<> check_registrations(const std::vector<RegistrationId>& ids, const Registrations& known) {
  for (const auto& id : ids) {
    if (id.str() == "*" || known.find(id) != nullptr) continue;
    return fail(Errc::invalid_argument, "'registrations': there is no registration '" + printable(id.str(), 80) + "'",
                "use ids from /v1/registrations, or [\"*\"] for all");
  }
  return {};
}

Reply new_key_reply(const NewCaller& made) {
  auto answer = to_json(made.caller);
  answer["key"] = made.key.reveal();
  return json_reply(201, answer);
}

}  // namespace

Task<Result<Reply>> Handlers::list_callers(Call& call) const {
  auto limit = query_integer(call, "limit", 50, 1, 200);
  if (!limit) co_return std::unexpected(limit.error());
  auto page = co_await parts_.store.callers(query_text(call, "cursor"), static_cast<int>(*limit));
  if (!page) co_return std::unexpected(page.error());
  co_return Reply{.status = 200, .body = page_body(*page), .content_type = "application/json", .headers = {}};
}

Task<Result<Reply>> Handlers::create_caller(Call& call) const {
  auto body = JsonBody::parse(call.request, options_.json_depth);
  if (!body) co_return std::unexpected(body.error());
  const std::string name = body->text("name", 100);
  auto wanted = read_policy(*body);
  if (!wanted) co_return std::unexpected(wanted.error());
  const auto lifetime = body->integer("expires_in", 60, longest_caller_life);
  if (auto read = body->finish(); !read) co_return std::unexpected(read.error());
  Policy policy = whole_policy(std::move(*wanted));
  if (auto checked = check_registrations(policy.registrations, parts_.registrations); !checked) {
    co_return std::unexpected(checked.error());
  }
  const auto until = lifetime ? std::optional<Duration>{std::chrono::seconds{*lifetime}} : std::nullopt;
  auto created = co_await parts_.callers.create(name, std::move(policy), until);
  if (!created) co_return std::unexpected(created.error());
  call.audit.detail = "created " + created->caller.id.str();
  co_return new_key_reply(*created);
}

Task<Result<Reply>> Handlers::derive_caller(Call& call) const {
  auto body = JsonBody::parse(call.request, options_.json_depth);
  if (!body) co_return std::unexpected(body.error());
  DeriveRequest request;
  request.name = body->optional_text("name", 100);
  auto wanted = read_policy(*body);
  if (!wanted) co_return std::unexpected(wanted.error());
  request.wanted = std::move(*wanted);
  const auto longest = std::chrono::duration_cast<std::chrono::seconds>(longest_derived_life).count();
  if (const auto seconds = body->integer("lifetime", 1, longest)) request.lifetime = std::chrono::seconds{*seconds};
  if (auto read = body->finish(); !read) co_return std::unexpected(read.error());
  auto made = co_await derive(parts_.store, parts_.clock, parts_.random, call.caller, std::move(request));
  if (!made) co_return std::unexpected(made.error());
  call.audit.detail = "derived " + made->caller.id.str() + " until " + to_rfc3339(made->caller.expires_at.value());
  co_return new_key_reply(*made);
}

Task<Result<Reply>> Handlers::revoke_caller(Call& call) const {
  const CallerId id{call.path.at(0)};
  call.audit.detail = printable(id.str(), 80);
  auto revoked = co_await parts_.callers.revoke(id);
  if (!revoked) co_return std::unexpected(revoked.error());
  co_return Reply{.status = 204, .body = {}, .content_type = {}, .headers = {}};
}

}  // namespace evergrant
