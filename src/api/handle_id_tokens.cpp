#include "api/handlers.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_member = 2048;
constexpr std::int64_t longest_age = 10LL * 365 * 24 * 3600;

// What the body says about the token; the connection is looked up apart.
struct Asked {
  RegistrationId registration;
  ConnectionId connection;
  IdTokenQuestion question;
};

Result<Asked> read_question(const HttpRequest& request, std::size_t depth) {
  auto body = JsonBody::parse(request, depth);
  if (!body) return std::unexpected(body.error());
  Asked asked;
  asked.registration = RegistrationId{body->text("registration", longest_member)};
  asked.connection = ConnectionId{body->optional_text("connection", longest_member)};
  auto token = body->secret("id_token");
  asked.question.nonce = body->optional_text("nonce", longest_member);
  if (auto access = body->secret("access_token")) asked.question.access_token = std::move(*access);
  if (const auto age = body->integer("max_age", 0, longest_age)) asked.question.max_age = std::chrono::seconds{*age};
  asked.question.acr_values = body->texts("acr_values");
  const std::string realm = body->optional_text("realm", longest_member);
  if (!realm.empty()) asked.question.realm = realm;
  if (auto read = body->finish(); !read) return std::unexpected(read.error());
  if (!token || token->empty()) {
    return fail(Errc::invalid_argument, "id_token: missing; give the compact JWS as it came", "see /openapi.json");
  }
  asked.question.id_token = std::move(*token);
  return asked;
}

boost::json::object accepted(const IdTokenClaims& claims) {
  boost::json::object kept;
  for (const auto& [name, value] : claims.others) kept[name] = value;
  return {{"valid", true},
          {"issuer", claims.issuer},
          {"subject", claims.subject},
          {"audience", boost::json::value_from(claims.audience)},
          {"issued_at", to_rfc3339(claims.issued_at)},
          {"expires_at", to_rfc3339(claims.expires_at)},
          {"auth_time", to_json(claims.auth_time)},
          {"claims", std::move(kept)}};
}

}  // namespace

// A token that fails is an answer; that nobody can know (the keys cannot be had) is an error.
Task<Result<Reply>> Handlers::verify_id_token(Call& call) const {
  auto asked = read_question(call.request, options_.json_depth);
  if (!asked) co_return std::unexpected(asked.error());
  auto registration = visible_registration(call, asked->registration);
  if (!registration) co_return std::unexpected(registration.error());
  if (!asked->connection.empty()) {
    auto connection = co_await visible_connection(call, asked->connection);
    if (!connection) co_return std::unexpected(connection.error());
    if (connection->registration != asked->registration) {
      co_return fail(Errc::invalid_argument, "connection: it belongs to registration " + connection->registration.str(),
                     "name that registration, or leave 'connection' out");
    }
    if (const RealmId realm = proven_realm(*connection); !realm.empty()) asked->question.realm = realm.str();
    asked->question.same_user = true;
    asked->question.issuer = connection->issuer;
    asked->question.subject = connection->subject;
  }
  auto claims = co_await parts_.id_tokens.verify(asked->registration, std::move(asked->question));
  if (claims) {
    call.audit.detail = "valid";
    co_return json_reply(200, accepted(*claims));
  }
  const Error& why = claims.error();
  if (why.check.empty()) co_return std::unexpected(why);
  call.audit.detail = "refused: " + why.check;
  boost::json::object answer{{"valid", false}, {"check", why.check}, {"reason", printable(why.message, 500)}};
  if (!why.hint.empty()) answer["hint"] = printable(why.hint, 500);
  co_return json_reply(200, answer);
}

}  // namespace evergrant
