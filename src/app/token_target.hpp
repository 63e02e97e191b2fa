// Which token a command is about, as the API addresses it. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls itself so
class App;
}

namespace evergrant {

struct TokenTarget {
  std::string connection;           // or:
  std::string registration, realm;  // both
  std::string pair;
  std::int64_t min_ttl = 0;  // seconds
};

// --connection, or --registration and --realm; --pair, --min-ttl.
void add_token_target(CLI::App& command, TokenTarget& target);
// The path of its token, with the query.
[[nodiscard]] std::string token_path(const TokenTarget& target);

}  // namespace evergrant
