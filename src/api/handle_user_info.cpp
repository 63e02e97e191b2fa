#include "api/handlers.hpp"

namespace evergrant {

Task<Result<Reply>> Handlers::read_user_info(Call& call) const {
  auto connection = co_await visible_connection(call, 0);
  if (!connection) co_return std::unexpected(connection.error());
  auto request = token_request(call);
  if (!request) co_return std::unexpected(request.error());
  boost::json::object answer{{"connection", connection->id.str()},
                             {"issuer", connection->issuer},
                             {"subject", connection->subject},
                             {"subject_checked", !connection->subject.empty()}};
  auto claims = co_await parts_.user_info.read(std::move(*connection), *request);
  if (!claims) co_return std::unexpected(claims.error());
  answer["claims"] = std::move(*claims);
  co_return json_reply(200, answer);
}

}  // namespace evergrant
