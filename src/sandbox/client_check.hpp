// Who is asking: client credentials of a request (RFC 6749 2.3.1) and redirect URIs of registrations. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.hpp"
#include "net/http.hpp"
#include "sandbox/options.hpp"

namespace evergrant {

struct ClientCredentials {
  std::string client_id;
  std::string client_secret;
};

// From the Basic header (form-decoded) or the form; nothing where there are none, two kinds, or broken ones.
[[nodiscard]] std::optional<ClientCredentials> read_credentials(const HttpRequest& request, const Parameters& form);

[[nodiscard]] const SandboxClient* find_client(const std::vector<SandboxClient>& clients, std::string_view client_id);
// The client if it is enabled and the secret is right.
[[nodiscard]] const SandboxClient* authenticate(const std::vector<SandboxClient>& clients, const HttpRequest& request,
                                                const Parameters& form);
[[nodiscard]] bool may_redirect_to(const SandboxClient& client, std::string_view uri);

// The Bearer token of a request; nothing without one.
[[nodiscard]] std::optional<std::string> bearer_of(const HttpRequest& request);

}  // namespace evergrant
