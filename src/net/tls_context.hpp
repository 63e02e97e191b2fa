// Both sides of TLS. The server's: 1.2 and 1.3, forward secrecy and AEAD only, no compression, no renegotiation, no session
// tickets (their key would outlive the sessions), HTTP/1.1 by ALPN. Internal to net/: it shows Asio.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <string>

#include "base/result.hpp"

namespace evergrant {

// Errors: invalid_argument, naming the file that cannot be used.
[[nodiscard]] Result<> load_server_certificate(boost::asio::ssl::context& context, const std::string& certificate_file,
                                               const std::string& key_file);

// The client's side: 1.2 and 1.3, security level 2, HTTP/1.1 by ALPN, the authorities of the file (PEM) or, if it is empty,
// the system's. Who is on the other end is checked for each connection (make_tls_client_stream). Errors: invalid_argument.
[[nodiscard]] Result<> load_client_trust(boost::asio::ssl::context& context, const std::string& ca_file);

}  // namespace evergrant
