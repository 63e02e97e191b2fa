// How a sandbox is set up when it starts. Plain values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/settings.hpp"

namespace evergrant {

// A registration at the sandbox. Its secret guards nothing but invented companies, so it is plain text here.
struct SandboxClient {
  std::string client_id;
  std::string client_secret;
  std::vector<std::string> redirect_uris;  // compared exactly
  bool any_loopback_redirect = false;      // and any http(s) URI on 127.0.0.1, [::1] or localhost
  bool disabled = false;                   // answered with invalid_client
  std::optional<Rotation> rotation;        // instead of the sandbox's own
  // Empty: the secret, in the header or in the body. Else private_key_jwt or client_secret_jwt, and nothing but that.
  std::string auth_method = {};
  std::string jwks = {};                // a JWK set, of private_key_jwt; empty: the one at jwks_uri
  std::string jwks_uri = {};            // asked again once what it said is over, and not before
  std::string assertion_audience = {};  // the one that is taken; empty: the issuer

  bool operator==(const SandboxClient&) const = default;
};

struct SandboxOptions {
  std::string base_url = "http://127.0.0.1:9500";
  std::vector<SandboxClient> clients{{.client_id = "sandbox-client",
                                      .client_secret = "sandbox-secret",
                                      .redirect_uris = {},
                                      .any_loopback_redirect = true,
                                      .disabled = false,
                                      .rotation = std::nullopt}};
  SandboxSettings settings;
  bool control = true;     // offer /control/…, which needs no credentials: loopback only
  std::string marker;      // put before every token, code and key id, so that a leak can be searched for
  std::string state_file;  // empty: nothing outlives the process
  std::size_t requests_remembered = 2000;
};

}  // namespace evergrant
