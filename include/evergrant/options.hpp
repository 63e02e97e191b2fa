// What a TokenManager is told at its start. Values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "evergrant/clock.hpp"
#include "evergrant/inline_namespace.hpp"
#include "evergrant/pending.hpp"
#include "evergrant/secret.hpp"

namespace evergrant {
EVERGRANT_INLINE namespace library {
  // Whose threads the work is done on.
  enum class Threads : std::uint8_t {
    application,  // none is started: the application calls `run()`, and `run_http()` where libcurl is used
    own,          // the library starts what it needs and joins them when it ends
  };

  // A key by which our client proves itself instead of a secret (RFC 7523, OpenID Connect Core 9: private_key_jwt).
  struct ClientKeyOptions {
    Secret pem;                       // PKCS#8, as `evergrant keys client` writes it; empty: none
    std::string algorithm = "ES256";  // or PS256, EdDSA, RS256
    std::string kid;                  // empty: the key's thumbprint (RFC 7638)
  };

  // Our client at one provider.
  struct RegistrationOptions {
    std::string id;                          // a short name of your own: [a-z0-9_-]{1,64}
    std::string provider;                    // the id of a provider profile: "quickbooks", "github", "oauth2" …
    std::string environment = "production";  // of the profile: "sandbox" …
    std::string client_id;                   // RFC 6749 2.2
    Secret client_secret;                    // RFC 6749 2.3.1; empty: a public client
    Secret previous_client_secret;           // still tried while a secret is being replaced
    // Where profile_toml says token.client_auth = "private_key_jwt". Publish TokenManager::client_key_set, or give the
    // provider the key by hand. A rotation: first as the next one, then as the one that signs, the old as the previous one.
    ClientKeyOptions client_key, next_client_key, previous_client_key;
    std::vector<std::string> scopes;  // empty: those that the profile names
    // Where a browser may be sent after connecting: an exact URL, or an origin with a path that ends in '/'.
    std::vector<std::string> return_urls;
    // Fields of the profile that are different here, as TOML: "allow_loopback_http = true\nissuer = \"https://…\"".
    std::string profile_toml;
  };

  struct Options {
    // The application's own address, without a slash at the end: redirect URIs are <public_url>/callback/<registration>.
    std::string public_url;
    std::vector<RegistrationOptions> registrations;
    // Folders of provider profiles, *.toml; later ones add and override. The shipped ones are in share/evergrant/providers
    // of the installation (CMake: evergrant_PROVIDERS_DIR).
    std::vector<std::filesystem::path> profiles;
    Threads threads = Threads::application;
    // Where coroutines go on; nothing: on the thread that runs the engine.
    Resume resume;
    // How long `get` waits for a refresh where the request names no deadline.
    Duration wait{std::chrono::seconds{10}};
    // How long `stop` lets refreshes that are under way end.
    Duration stop_wait{std::chrono::seconds{5}};
    // Sealed token sets that are kept in memory, some three thousand bytes each.
    std::size_t cached_connections = 100'000;
    // Whether other processes, servers or libraries, use the store at the same time: their changes are then noticed by a
    // connection's readers half a minute later or so, two minutes at most.
    bool store_is_shared = true;
    // A file of certificate authorities, PEM; empty: the system's.
    std::filesystem::path ca_file;
    // Warnings and errors as lines of JSON on standard error; never a secret.
    bool log = false;
  };

}  // namespace library
}  // namespace evergrant
