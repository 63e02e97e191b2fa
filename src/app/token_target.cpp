#include "app/token_target.hpp"

#include <CLI/CLI.hpp>

#include "base/encoding.hpp"

namespace evergrant {

void add_token_target(CLI::App& command, TokenTarget& target) {
  auto* by_id = command.add_option_group("token", "Whose token");
  auto* connection = by_id->add_option("--connection", target.connection, "Connection");
  auto* realm = by_id->add_option("--realm", target.realm, "By realm instead of by connection")->excludes(connection);
  auto* registration = by_id->add_option("--registration", target.registration, "The realm's registration");
  registration->needs(realm);
  realm->needs(registration);
  by_id->require_option(1, 2);
  command.add_option("--pair", target.pair, "A further token pair of the connection, such as user");
  command.add_option("--min-ttl", target.min_ttl, "Least remaining life, in seconds")->capture_default_str();
}

std::string token_path(const TokenTarget& target) {
  std::string path = "/v1/connections/" + percent_encode(target.connection);
  if (!target.realm.empty())
    path = "/v1/registrations/" + percent_encode(target.registration) + "/realms/" + percent_encode(target.realm);
  path += "/token?min_ttl=" + std::to_string(target.min_ttl);
  if (!target.pair.empty()) path += "&pair=" + percent_encode(target.pair);
  return path;
}

}  // namespace evergrant
