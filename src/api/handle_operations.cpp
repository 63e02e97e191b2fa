#include <algorithm>

#include "api/handlers.hpp"
#include "api/openapi.hpp"
#include "api/pages.hpp"
#include "oauth/security_policy.hpp"

namespace evergrant {
namespace {

bool may_see(const Caller& caller, const RegistrationId& id) {
  const auto& allowed = caller.policy.registrations;
  return std::ranges::any_of(allowed, [&](const RegistrationId& entry) { return entry == id || entry.str() == "*"; });
}

boost::json::object to_json(const RotationReport& report) {
  return {{"rewrapped_root_keys", report.rewrapped_root_keys},
          {"rewrapped_tenant_keys", report.rewrapped_tenant_keys},
          {"resealed_records", report.resealed_records},
          {"retired_keys", report.retired_keys},
          {"unreadable_records", report.unreadable_records}};
}

}  // namespace

Result<RegistrationId> Handlers::registration_in(Call& call) const {
  return visible_registration(call, RegistrationId{call.path.at(0)});
}

Result<RegistrationId> Handlers::visible_registration(Call& call, RegistrationId id) const {
  call.audit.registration = id;
  if (parts_.registrations.find(id) == nullptr || !may_see(*call.caller, id)) {
    return fail(Errc::not_found, "there is no registration '" + printable(id.str(), 80) + "' that this caller may see",
                "list them with: evergrant registrations");
  }
  return id;
}

Task<Result<Reply>> Handlers::list_registrations(Call& call) const {
  auto paused = co_await parts_.store.paused();
  if (!paused) co_return std::unexpected(paused.error());
  const auto holds = co_await parts_.store.holds();
  if (!holds) co_return std::unexpected(holds.error());
  boost::json::array items;
  for (const auto& registration : parts_.registrations.all()) {
    if (!may_see(*call.caller, registration.id)) continue;
    boost::json::object item{{"id", registration.id.str()},
                             {"provider", registration.provider.id.str()},
                             {"environment", registration.provider.environment},
                             {"client_id", registration.client_id},
                             {"redirect_uri", registration.redirect_uri},
                             {"scopes", boost::json::value_from(registration.scopes)},
                             {"return_urls", boost::json::value_from(registration.return_urls)},
                             {"claims", boost::json::value_from(registration.claims)},
                             {"security", to_string(registration.security)},
                             {"paused", nullptr},
                             {"held", nullptr}};
    const auto pause = std::ranges::find(*paused, registration.id, &Store::Pause::registration);
    if (pause != paused->end()) {
      item["paused"] =
          boost::json::object{{"code", pause->code}, {"detail", pause->detail}, {"since", to_rfc3339(pause->since)}};
    }
    const auto hold = std::ranges::find(*holds, registration.id, &Store::Hold::registration);
    if (hold != holds->end() && !hold->released_at) {
      item["held"] =
          boost::json::object{{"since", to_rfc3339(hold->since)}, {"failed", hold->failed}, {"refreshed", hold->refreshed}};
    }
    items.push_back(std::move(item));
  }
  co_return json_reply(200, boost::json::object{{"items", std::move(items)}, {"next", nullptr}});
}

Task<Result<Reply>> Handlers::release_registration_hold(Call& call) const {
  auto id = registration_in(call);
  if (!id) co_return std::unexpected(id.error());
  auto released = co_await parts_.tokens.release_hold(std::move(*id));
  if (!released) co_return std::unexpected(released.error());
  co_return Reply{.status = 204, .body = {}, .content_type = {}, .headers = {}};
}

Task<Result<Reply>> Handlers::resume_registration(Call& call) const {
  auto id = registration_in(call);
  if (!id) co_return std::unexpected(id.error());
  auto resumed = co_await parts_.tokens.resume(std::move(*id));
  if (!resumed) co_return std::unexpected(resumed.error());
  co_return Reply{.status = 204, .body = {}, .content_type = {}, .headers = {}};
}

Task<Result<Reply>> Handlers::list_providers(Call&) const {
  boost::json::array items;
  for (const auto& provider : parts_.providers) {
    items.push_back(boost::json::object{{"id", provider.id.str()},
                                        {"environment", provider.environment},
                                        {"display_name", provider.display_name},
                                        {"documentation", provider.documentation}});
  }
  co_return json_reply(200, boost::json::object{{"items", std::move(items)}, {"next", nullptr}});
}

Task<Result<Reply>> Handlers::list_audit(Call& call) const {
  auto limit = query_integer(call, "limit", 50, 1, 200);
  if (!limit) co_return std::unexpected(limit.error());
  std::optional<ConnectionId> connection;
  if (auto text = query_text(call, "connection"); !text.empty()) connection = ConnectionId{text};
  std::optional<CallerId> caller;
  if (auto text = query_text(call, "caller"); !text.empty()) caller = CallerId{text};
  auto flushed = co_await parts_.audit.flush();  // so that a reader sees what has just been done
  if (!flushed) co_return std::unexpected(flushed.error());
  auto page = co_await parts_.store.audit(connection, caller, query_text(call, "cursor"), static_cast<int>(*limit));
  if (!page) co_return std::unexpected(page.error());
  co_return Reply{.status = 200, .body = page_body(*page), .content_type = "application/json", .headers = {}};
}

Task<Result<Reply>> Handlers::list_keys(Call& call) const {
  const auto tenant = query_text(call, "tenant");
  auto listing = tenant.empty() ? parts_.store.root_keys() : parts_.store.tenant_keys(TenantId{tenant});
  auto keys = co_await std::move(listing);
  if (!keys) co_return std::unexpected(keys.error());
  boost::json::array items;
  for (const auto& key : *keys) items.push_back(evergrant::to_json(key));
  co_return json_reply(200, boost::json::object{{"items", std::move(items)}, {"next", nullptr}});
}

Task<Result<Reply>> Handlers::rotate_keys(Call& call) const {
  auto body = JsonBody::parse(call.request, options_.json_depth);
  if (!body) co_return std::unexpected(body.error());
  const std::string what = body->text("what", 20);
  const TenantId tenant{body->optional_text("tenant", 200)};
  if (auto read = body->finish(); !read) co_return std::unexpected(read.error());
  call.audit.tenant = tenant;
  call.audit.detail = what;
  if (what != "kek" && what != "root" && what != "tenant") {
    co_return fail(Errc::invalid_argument, "'what': expected kek (re-wrap after the KEK changed), root or tenant");
  }
  if ((what == "tenant") == tenant.empty()) {
    co_return fail(Errc::invalid_argument, R"('tenant' goes with "what": "tenant", and only with it)");
  }
  if (!tenant.empty()) {
    auto known = co_await parts_.store.tenant_keys(tenant);
    if (!known) co_return std::unexpected(known.error());
    if (known->empty()) co_return fail(Errc::not_found, "'tenant': this tenant has no key");
  }
  Task<Result<RotationReport>> rotation = what == "kek"    ? parts_.vault.rewrap_root_keys()
                                          : what == "root" ? parts_.vault.rotate_root_key()
                                                           : parts_.vault.rotate_tenant_key(tenant);
  auto report = co_await std::move(rotation);
  if (!report) co_return std::unexpected(report.error());
  co_return json_reply(200, to_json(*report));
}

Task<Result<Reply>> Handlers::retire_key(Call& call) const {
  call.audit.detail = printable(call.path.at(0), 80);
  auto retired = co_await parts_.vault.retire(KeyId{call.path.at(0)});
  if (!retired) co_return std::unexpected(retired.error());
  co_return Reply{.status = 204, .body = {}, .content_type = {}, .headers = {}};
}

Task<Result<Reply>> Handlers::health(Call&) const { co_return json_reply(200, boost::json::object{{"status", "ok"}}); }

Task<Result<Reply>> Handlers::ready(Call&) const {
  auto probed = co_await parts_.store.probe();
  if (!probed) co_return std::unexpected(probed.error());
  co_return json_reply(200, boost::json::object{{"status", "ready"}});
}

Task<Result<Reply>> Handlers::metrics(Call&) const {
  const auto now = parts_.clock.now();
  auto stats = co_await parts_.store.stats(now);
  if (stats) {
    for (const auto status :
         {Status::active, Status::reauth_required, Status::revoking, Status::revoked, Status::quarantined}) {
      const auto found = std::ranges::find(stats->by_status, status, &std::pair<Status, std::int64_t>::first);
      const auto count = found == stats->by_status.end() ? 0 : found->second;  // none is said too: else the last one stays
      parts_.metrics.gauge("evergrant_connections", "Connections by status", {{"status", std::string{to_string(status)}}})
          .set(static_cast<double>(count));
    }
    parts_.metrics.gauge("evergrant_due", "Refreshes that are due and not begun").set(static_cast<double>(stats->due));
    parts_.metrics.gauge("evergrant_outbox", "Revocations that the provider has not confirmed")
        .set(static_cast<double>(stats->outbox));
    const std::chrono::duration<double> waited = stats->oldest_due ? now - *stats->oldest_due : Duration{0};
    parts_.metrics.gauge("evergrant_due_seconds", "How long the refresh that waits longest has been due")
        .set(waited.count());
  }
  co_return Reply{.status = 200,
                  .body = parts_.metrics.render(),
                  .content_type = "text/plain; version=0.0.4; charset=utf-8",
                  .headers = {}};
}

Task<Result<Reply>> Handlers::openapi(Call&) const {
  co_return Reply{
      .status = 200, .body = openapi_document(options_.public_url), .content_type = "application/json", .headers = {}};
}

Task<Result<Reply>> Handlers::front_page(Call&) const { co_return front_page_of(options_.public_url); }

}  // namespace evergrant
