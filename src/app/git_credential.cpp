#include "app/git_credential.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::string_view https_port = ":443";

std::string usual(std::string_view host) {
  std::string lower = to_lower_ascii(host);
  if (lower.ends_with(https_port)) lower.resize(lower.size() - https_port.size());
  return lower;
}

bool is_loopback(std::string_view host) {
  const auto name = host.substr(0, host.find_last_of(':'));
  return name == "127.0.0.1" || name == "localhost" || host == "127.0.0.1" || host == "localhost" || name == "[::1]";
}

}  // namespace

Result<GitQuestion> read_git_question(std::string text) {
  GitQuestion question;
  std::optional<Error> wrong;
  for (std::string_view rest{text}; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (line.empty()) break;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) {
      wrong = Error{Errc::invalid_argument, "a line of the question has no '='", "git credential speaks name=value", {}};
      break;
    }
    const auto name = line.substr(0, equals);
    const auto value = line.substr(equals + 1);
    if (name == "protocol") question.protocol = value;
    if (name == "host") question.host = usual(value);
    if (name == "username") question.username = value;
    if (name == "password") question.password = Secret{value};
  }
  wipe(text);
  if (!wrong && question.host.empty()) {
    wrong = Error{Errc::invalid_argument, "the question names no host", "git sends it: protocol=https, host=…", {}};
  }
  if (wrong) return std::unexpected(std::move(*wrong));
  return question;
}

bool may_carry_token(const GitQuestion& question) {
  return question.protocol == "https" || (question.protocol == "http" && is_loopback(question.host));
}

bool is_among_hosts(std::string_view host, const std::vector<std::string>& allowed) {
  const std::string wanted = usual(host);
  return std::ranges::any_of(allowed, [&](const std::string& text) {
    const std::string entry = usual(text);
    if (!entry.starts_with("*.")) return wanted == entry;
    return wanted.size() >= entry.size() && wanted.ends_with(entry.substr(1));
  });
}

Result<std::map<std::string, std::string>> read_host_map(const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> all;
  for (const auto& pair : pairs) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size() || pair.contains('/')) {
      return fail(Errc::invalid_argument, "\"" + printable(pair, 100) + "\" is not HOST=CONNECTION",
                  "as in --host gitlab.com=con_…, without https://");
    }
    all[usual(std::string_view{pair}.substr(0, equals))] = pair.substr(equals + 1);
  }
  return all;
}

}  // namespace evergrant
