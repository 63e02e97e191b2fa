// Which hosts a connection's token may be sent to (USE-02): those of its provider's profile and no others. Pure;
// thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace evergrant {

struct HostAndPort {
  bool tls = true;
  std::string host;  // lower case; an IPv6 address without its brackets
  std::uint16_t port = 443;
  std::string authority;  // as in Host: the port only where it is not the scheme's own
  std::string path;       // of the URL, without a slash at its end
};

// Of an absolute URL without user information, query and fragment. Errors: invalid_argument.
[[nodiscard]] Result<HostAndPort> split_url(std::string_view url, bool allow_loopback_http);

// Host and port exactly ("api.example.com", "127.0.0.1:9500"). A suffix ("*.example.com", one or more labels in front of it)
// counts only where `suffixes` is set: for hosts that come from the provider's own answer, never for a caller's word.
[[nodiscard]] bool is_listed_host(const HostAndPort& at, const std::vector<std::string>& allowed, bool suffixes);

}  // namespace evergrant
