#include "api/handlers.hpp"
#include "api/pages.hpp"
#include "api/problem.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_text = 200;
constexpr std::size_t longest_url = 2000;
constexpr std::size_t token_characters = 43;

// __Host- ties the cookie to this host, to https and to the root path; plain http (loopback only) cannot have it.
std::string_view cookie_name(bool secure) { return secure ? "__Host-evergrant-connect" : "evergrant-connect"; }

bool is_https(const std::string& public_url) { return public_url.starts_with("https://"); }

Secret binding_cookie(const Call& call, bool secure) {
  for (const auto& [name, value] : call.request.headers.all()) {
    if (!equal_ignoring_case(name, "Cookie")) continue;
    for (const auto& pair : split(value, ';')) {
      const auto text = trim(pair);
      const auto equals = text.find('=');
      if (equals == std::string_view::npos || text.substr(0, equals) != cookie_name(secure)) continue;
      const auto found = text.substr(equals + 1);
      const bool well_formed = found.size() == token_characters && base64url_decode(found).has_value();
      return well_formed ? Secret{found} : Secret{};
    }
  }
  return {};
}

std::string set_cookie(const Secret& value, bool secure) {
  std::string cookie{cookie_name(secure)};
  cookie += '=';
  cookie += value.reveal();
  cookie += "; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600";
  if (secure) cookie += "; Secure";
  return cookie;
}

// The store says "gone" from the moment that the state is used until the flow is over: it is under way, or its process died.
std::string status_of(const ConnectSession& session, Time now) {
  const bool over = session.expires_at <= now;
  if (session.outcome.empty()) return over ? "expired" : "pending";
  if (session.outcome == "opened") return over ? "expired" : "opened";
  if (session.outcome == "gone") return over ? "gone" : "opened";
  return session.outcome;
}

std::string with_outcome(const std::string& url, const ConnectResult& result) {
  Parameters parameters{{"status", result.status}};
  if (result.connection) parameters.emplace_back("connection", result.connection->str());
  if (result.status == "failed") parameters.emplace_back("code", std::string{to_string(result.code)});
  const auto hash = std::min(url.find('#'), url.size());
  const std::string before = url.substr(0, hash);
  return before + (before.contains('?') ? '&' : '?') + form_encode(parameters) + url.substr(hash);
}

}  // namespace

Task<Result<Reply>> Handlers::create_connect_session(Call& call) const {
  auto body = JsonBody::parse(call.request, options_.json_depth);
  if (!body) co_return std::unexpected(body.error());
  ConnectRequest request;
  request.registration = RegistrationId{body->text("registration", longest_text)};
  request.tenant = TenantId{body->text("tenant", longest_text)};
  request.return_to = body->optional_text("return_to", longest_url);
  request.scopes = body->texts("scopes");
  request.login_hint = body->optional_text("login_hint", longest_text);
  if (auto id = body->optional_text("connection", longest_text); !id.empty()) request.connection = ConnectionId{id};
  request.caller = call.caller->id;
  if (auto read = body->finish(); !read) co_return std::unexpected(read.error());
  const ConnectionId reconnect = request.connection.value_or(ConnectionId{});
  if (auto allowed = allow(call, request.registration, request.tenant, reconnect); !allowed) {
    co_return std::unexpected(allowed.error());
  }
  auto link = co_await parts_.connector.start(std::move(request));
  if (!link) co_return std::unexpected(link.error());
  call.audit.detail = link->id.str();
  const boost::json::object answer{
      {"id", link->id.str()}, {"url", link->url.reveal()}, {"expires_at", to_rfc3339(link->expires_at)}};
  co_return Reply{.status = 201,
                  .body = boost::json::serialize(answer),
                  .content_type = "application/json",
                  .headers = {{"Location", "/v1/connect-sessions/" + link->id.str()}}};
}

Task<Result<Reply>> Handlers::show_connect_session(Call& call) const {
  const SessionId id{call.path.at(0)};
  auto session = co_await parts_.connector.session(id);
  if (!session && session.error().code != Errc::not_found) co_return std::unexpected(session.error());
  const auto about = [](const ConnectSession& one) { return one.reconnect ? one.reconnect : one.connection; };
  if (!session || !allow(call, session->registration, session->tenant, about(*session).value_or(ConnectionId{}))) {
    co_return fail(Errc::not_found, "there is no connect session of that id that this caller may see");
  }
  const std::optional<ConnectionId>& connection = session->connection;
  boost::json::object answer{{"id", id.str()},
                             {"registration", session->registration.str()},
                             {"tenant", session->tenant.str()},
                             {"status", status_of(*session, parts_.clock.now())},
                             {"connection", nullptr},
                             {"expires_at", to_rfc3339(session->expires_at)}};
  if (connection) answer["connection"] = connection->str();
  co_return json_reply(200, answer);
}

Task<Result<Reply>> Handlers::open_connect_link(Call& call) const {
  const bool secure = is_https(options_.public_url);
  auto step = co_await parts_.connector.open(Secret{call.path.at(0)}, binding_cookie(call, secure));
  if (!step) {
    co_return page(http_status(step.error().code), false, "This link does not work any more",
                   "Connect links work once and for a few minutes. Please go back to the application and start again.",
                   step.error().code == Errc::gone ? "" : step.error().message);
  }
  Reply reply = redirect(std::move(step->location));
  if (!step->cookie.empty()) reply.headers.emplace_back("Set-Cookie", set_cookie(step->cookie, secure));
  co_return reply;
}

Task<Result<Reply>> Handlers::provider_callback(Call& call) const {
  const bool secure = is_https(options_.public_url);
  auto result =
      co_await parts_.connector.callback(RegistrationId{call.path.at(0)}, call.request.query, binding_cookie(call, secure));
  if (!result) {
    // Anybody can send these without end, so they are counted and not written down; what is ours to mend is.
    parts_.metrics.counter("evergrant_callbacks_refused_total", "Callbacks that belong to no flow in progress").increment();
    if (http_status(result.error().code) >= 500) {
      parts_.log.warning("callback_refused", {{"registration", call.path.at(0)}, {"reason", result.error().message}});
    }
    co_return page(
        http_status(result.error().code), false, "This answer belongs to no connection in progress",
        "It was used already, it expired, or it was begun in another browser. Nothing was stored. Please start again from "
        "the application.");
  }
  if (!result->return_to.empty()) co_return redirect(with_outcome(result->return_to, *result));
  co_return redirect("/connect-result/" + percent_encode(result->session.str()));
}

Task<Result<Reply>> Handlers::connect_result(Call& call) const {
  auto session = co_await parts_.connector.session(SessionId{call.path.at(0)});
  if (!session || session->outcome.empty() || session->outcome == "opened" || session->outcome == "gone") {
    co_return page(404, false, "There is nothing here", "This result is not known, or not there yet.");
  }
  if (session->outcome == "connected") {
    const std::optional<ConnectionId>& connection = session->connection;
    co_return page(200, true, "Connected", "The account is connected. You can close this window.",
                   connection ? "Connection " + connection->str() : "");
  }
  if (session->outcome == "cancelled") {
    co_return page(200, false, "Not connected", "You cancelled at the provider. Nothing was stored.");
  }
  co_return page(200, false, "Not connected", "The connection could not be made. Nothing was stored. Please start again.",
                 "Reason: " + session->outcome);
}

}  // namespace evergrant
