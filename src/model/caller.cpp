#include "model/caller.hpp"

namespace evergrant {

std::string_view to_string(Verb verb) noexcept {
  switch (verb) {
    case Verb::token_read: return "token:read";
    case Verb::connection_read: return "connection:read";
    case Verb::connection_write: return "connection:write";
    case Verb::connect: return "connect";
    case Verb::revoke: return "revoke";
    case Verb::proxy: return "proxy";
    case Verb::admin: return "admin";
  }
  return "admin";
}

std::optional<Verb> verb_from(std::string_view text) noexcept {
  for (const auto verb : {Verb::token_read, Verb::connection_read, Verb::connection_write, Verb::connect, Verb::revoke,
                          Verb::proxy, Verb::admin}) {
    if (to_string(verb) == text) return verb;
  }
  return std::nullopt;
}

}  // namespace evergrant
