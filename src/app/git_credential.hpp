// git's credential protocol (git-credential(1)): what git says and is told, and which hosts a token may go to. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace evergrant {

// What git asks about.
struct GitQuestion {
  std::string protocol;
  std::string host;  // with the port where there is one
  std::string username;
  Secret password;  // where git tells how it went with one
};

// Lines of name=value up to an empty one; unknown names are ignored, as the protocol wants it. `text` is wiped. Errors:
// invalid_argument (a line without '=', no host).
[[nodiscard]] Result<GitQuestion> read_git_question(std::string text);

// https, and http on loopback only: a token goes nowhere in the clear.
[[nodiscard]] bool may_carry_token(const GitQuestion& question);

// Whether a host, with its port, is one of those of a profile (inject.allowed_hosts): exact, or a whole label before the
// suffix of "*.example.com". Port 443 is https's own.
[[nodiscard]] bool is_among_hosts(std::string_view host, const std::vector<std::string>& allowed);

// The connection of a host, from "HOST=CONNECTION" pairs; nothing: none is named. Errors: invalid_argument.
[[nodiscard]] Result<std::map<std::string, std::string>> read_host_map(const std::vector<std::string>& pairs);

}  // namespace evergrant
