// What OpenSSL frees is wiped: reading a private key leaves copies of it in buffers that OpenSSL frees as they are (ADR 1).
#pragma once

namespace evergrant {

// Once, before OpenSSL allocates anything: as the first thing that a program does. False: it was too late. An application
// that embeds the library decides this for itself.
bool wipe_what_openssl_frees() noexcept;

}  // namespace evergrant
