#include <boost/json.hpp>

#include "base/encoding.hpp"
#include "lifecycle/connect_impl.hpp"

namespace evergrant {
namespace {

constexpr Duration exchange_timeout{std::chrono::seconds{30}};

Error unknown_state() {
  return {Errc::gone, "no connect flow in progress belongs to this callback", "start again from the application"};
}

Place place_of_secrets(const ConnectSession& session) {
  return {.tenant = session.tenant,
          .registration = session.registration,
          .realm = {},
          .connection = ConnectionId{session.id.str()},
          .field = "session",
          .generation = 0};
}

FlowMemory read_memory(const Secret& text) {
  const auto value = boost::json::parse(text.reveal());
  const auto* promised = value.as_object().if_contains("iss_promised");  // not in a flow that an older version began
  return {.verifier = Secret{value.at("verifier").as_string()},
          .nonce = std::string{value.at("nonce").as_string()},
          .iss_promised = promised != nullptr && promised->as_bool()};
}

// CB-06 to CB-09. What the provider promised when the flow began holds, whatever its document says by now.
Result<> check_sender(const Callback& callback, const Registration& registration, const ConnectSession& session,
                      const ResolvedProvider& resolved, const FlowMemory& memory) {
  if (resolved.issuer != session.expected_issuer) {
    return fail(Errc::gone, "the registration is another provider's since this flow began",
                "start again from the application");
  }
  return check_callback_issuer(callback, session.expected_issuer, registration.provider.authorize.iss,
                               memory.iss_promised || resolved.iss_parameter_supported);
}

// What a provider's refusal means to the customer and to us (CB-04).
Error refusal_of(const Callback& callback) {
  const auto text = callback.error_description.empty() ? callback.error : callback.error + ": " + callback.error_description;
  if (callback.outcome == CallbackOutcome::retryable) {
    return {Errc::provider_unavailable, "the provider cannot take the request now: " + text, "try again in a moment"};
  }
  return {Errc::provider_rejected, "the provider refused the request: " + text,
          "check the registration at the provider: client, redirect URI, scopes"};
}

// A failed exchange is never repeated: a replayed code makes the provider revoke what it gave (TOK-04).
Error failure_of(const Registration& registration, const Verdict& verdict) {
  const auto text = verdict.description.empty() ? verdict.code : verdict.code + ": " + verdict.description;
  switch (verdict.failure) {
    case FailureClass::registration:
      return {Errc::registration_paused, "the provider refuses our client: " + text,
              "check " + what_proves_client(registration)};
    case FailureClass::transient:
      return {Errc::provider_unavailable, "the provider could not answer: " + text, "connect again in a moment"};
    case FailureClass::ambiguous:
      return {Errc::ambiguous, "the provider's answer was lost: " + text, "connect again; the lost grant is not used"};
    case FailureClass::grant:
    case FailureClass::none: break;
  }
  return {Errc::provider_rejected, "the provider refused the code: " + text, "connect again"};
}

}  // namespace

Task<Result<ConnectResult>> Connector::Impl::callback(RegistrationId id, std::string query, Secret cookie) {
  const Registration* registration = parts.registrations.find(id);
  if (registration == nullptr) co_return std::unexpected(unknown_state());
  auto callback = read_callback(query, *registration);
  wipe(query);
  if (!callback) co_return std::unexpected(callback.error());
  auto session = co_await parts.store.take_session(hash_of(callback->state), parts.clock.now());
  if (!session && session.error().code != Errc::gone) co_return std::unexpected(session.error());
  if (!session) co_return std::unexpected(unknown_state());
  // The state is used up from here on, whatever follows. A foreign browser or another provider's path learns nothing.
  const bool ours = session->registration == id && equal_in_constant_time(session->browser_hash, hash_of(cookie.reveal()));
  ConnectResult result{.status = "failed", .return_to = session->return_to, .session = session->id};
  if (!ours) {
    parts.log.warning("callback_foreign", {{"registration", id.str()}, {"session", session->id.str()}});
    auto ended = co_await parts.store.finish_session(session->id, "foreign_browser", std::nullopt);
    if (!ended) parts.log.warning("session_not_ended", {{"reason", ended.error().message}});
    co_return std::unexpected(unknown_state());
  }
  const bool cancelled = callback->outcome == CallbackOutcome::cancelled;
  auto connection = co_await complete(*registration, *session, std::move(*callback));
  std::string outcome = "connected";
  if (connection) {
    result.status = "connected";
    result.code = {};
    result.connection = connection->id;
  } else {
    const bool by_customer = cancelled && connection.error().code == Errc::provider_rejected;
    result.status = by_customer ? "cancelled" : "failed";
    result.code = connection.error().code;
    result.message = connection.error().message;
    outcome = by_customer ? "cancelled" : std::string{to_string(connection.error().code)};
    parts.log.warning("connect_failed", {{"registration", id.str()},
                                         {"session", session->id.str()},
                                         {"outcome", outcome},
                                         {"reason", connection.error().message}});
  }
  parts.metrics
      .counter("evergrant_connects_total", "Connect flows by outcome", {{"registration", id.str()}, {"outcome", outcome}})
      .increment();
  auto ended = co_await parts.store.finish_session(session->id, outcome, result.connection);
  if (!ended) parts.log.warning("session_not_ended", {{"reason", ended.error().message}});
  co_return result;
}

Task<Result<Connection>> Connector::Impl::complete(const Registration& registration, const ConnectSession& session,
                                                   Callback callback) {
  auto resolved = co_await parts.directory.resolve(registration.provider);
  if (!resolved) co_return std::unexpected(resolved.error());
  auto opened = co_await parts.vault.open(place_of_secrets(session), session.secrets);
  if (!opened) co_return std::unexpected(opened.error());
  FlowMemory memory = read_memory(*opened);
  const auto sender = check_sender(callback, registration, session, *resolved, memory);
  if (!sender) co_return std::unexpected(sender.error());
  if (callback.outcome != CallbackOutcome::code) co_return std::unexpected(refusal_of(callback));
  auto wanted = co_await check_not_offboarded(session);
  if (!wanted) co_return std::unexpected(wanted.error());
  auto grant = co_await exchange(registration, session, std::move(callback), std::move(*resolved), std::move(memory));
  if (!grant) co_return std::unexpected(grant.error());
  co_return co_await store(registration, session, std::move(*grant));
}

Task<Result<NewGrant>> Connector::Impl::exchange(const Registration& registration, const ConnectSession& session,
                                                 Callback callback, ResolvedProvider resolved, FlowMemory memory) {
  const Provider& provider = registration.provider;
  auto hosts = hosts_of_hint(provider, session.login_hint);
  if (!hosts) co_return std::unexpected(hosts.error());
  auto from_callback = host_values(provider, "callback", callback.extras);
  if (!from_callback) co_return std::unexpected(from_callback.error());
  hosts->merge(*from_callback);
  auto endpoints = fill_hosts(resolved.endpoints, provider, *hosts);
  if (!endpoints) co_return std::unexpected(endpoints.error());
  auto raw = co_await token_endpoint.exchange_code(registration, endpoints->token, std::move(callback.code),
                                                   std::move(memory.verifier), session.scope, exchange_timeout);
  Verdict verdict =
      raw ? judge_token_answer(raw->response, provider, raw->sent, parts.clock.now()) : judge_transport_error(raw.error());
  if (!verdict.tokens) co_return std::unexpected(failure_of(registration, verdict));
  NewGrant grant{.tokens = std::move(*verdict.tokens),
                 .pairs = std::move(verdict.pairs),
                 .issuer = resolved.issuer,
                 .correlation = verdict.correlation};
  auto from_answer = host_values(provider, "token_response", grant.tokens.extras);
  if (!from_answer) co_return std::unexpected(from_answer.error());
  hosts->merge(*from_answer);
  grant.host_values = std::move(*hosts);
  auto clues = co_await identify(registration, session, std::move(resolved), std::move(*endpoints), grant,
                                 std::move(callback.extras), std::move(memory.nonce));
  if (!clues) co_return std::unexpected(clues.error());
  auto realm = co_await realm_proof.prove(registration, grant.tokens, std::move(*clues));
  if (!realm) co_return std::unexpected(realm.error());
  grant.realm = std::move(*realm);
  co_return grant;
}

}  // namespace evergrant
