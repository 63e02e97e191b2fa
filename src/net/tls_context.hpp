// The server's side of TLS: 1.2 and 1.3, forward secrecy and AEAD only, no compression, no renegotiation, no session
// tickets (their key would outlive the sessions), HTTP/1.1 by ALPN. Internal to net/: it shows Asio.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <string>

#include "base/result.hpp"

namespace evergrant {

// Errors: invalid_argument, naming the file that cannot be used.
[[nodiscard]] Result<> load_server_certificate(boost::asio::ssl::context& context, const std::string& certificate_file,
                                               const std::string& key_file);

}  // namespace evergrant
