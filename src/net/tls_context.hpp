// Both sides of TLS. The server's: 1.2 and 1.3, forward secrecy and AEAD only, no compression, no renegotiation, no session
// tickets (their key would outlive the sessions), HTTP/1.1 by ALPN. A context is changed by nobody once it is made, and
// serves all threads.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/result.hpp"

namespace evergrant {

struct FreeTlsContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTlsContext>;

// Errors: invalid_argument, naming the file that cannot be used.
[[nodiscard]] Result<TlsContext> make_server_context(const std::string& certificate_file, const std::string& key_file);

// The client's side: 1.2 and 1.3, security level 2, HTTP/1.1 by ALPN, the authorities of the file (PEM) or, if it is empty,
// the system's. Who is on the other end is checked for each connection (make_tls_client_stream). Errors: invalid_argument.
[[nodiscard]] Result<TlsContext> make_client_context(const std::string& ca_file);

}  // namespace evergrant
