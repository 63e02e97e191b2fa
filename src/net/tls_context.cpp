#include "net/tls_context.hpp"

#include <openssl/err.h>

#include <array>
#include <new>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr const char* ciphers_of_tls_1_2 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

// RFC 7301: a client that offers protocols, none of which is ours, is told so and not spoken to.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  static constexpr std::array<unsigned char, 9> ours{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* match = nullptr;
  const int found = SSL_select_next_proto(&match, chosen_size, ours.data(), ours.size(), offered, offered_size);
  *chosen = match;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// What OpenSSL said last of why it does not take a file.
std::unexpected<Error> cannot_use(const std::string& what, const std::string& file) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  const std::string why = reason != nullptr ? reason : "unknown reason";
  ERR_clear_error();
  return fail(Errc::invalid_argument, "the TLS " + what + " \"" + printable(file) + "\" cannot be used: " + printable(why),
              "give a readable PEM file; the key must belong to the certificate");
}

// OpenSSL would ask at the terminal for the password of an encrypted key.
int no_passphrase(char*, int, int, void*) { return -1; }

TlsContext new_context(const SSL_METHOD* method) {
  TlsContext context{SSL_CTX_new(method)};
  if (!context) throw std::bad_alloc{};
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CLEANSE_PLAINTEXT);
  // What was taken in part is written on from where it then stands.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context.get(), 1);  // a record's header and the record in one call
  return context;
}

}  // namespace

Result<TlsContext> make_server_context(const std::string& certificate_file, const std::string& key_file) {
  TlsContext context = new_context(TLS_server_method());
  SSL_CTX* ctx = context.get();
  SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_num_tickets(ctx, 0);
  SSL_CTX_set_cipher_list(ctx, ciphers_of_tls_1_2);
  SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(ctx, certificate_file.c_str()) != 1) {
    return cannot_use("certificate", certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(ctx, key_file.c_str(), SSL_FILETYPE_PEM) != 1) return cannot_use("key", key_file);
  if (SSL_CTX_check_private_key(ctx) != 1) {
    ERR_clear_error();
    return fail(Errc::invalid_argument, "the TLS key \"" + printable(key_file) + "\" does not belong to the certificate",
                "give the key that the certificate was issued for");
  }
  return context;
}

Result<TlsContext> make_client_context(const std::string& ca_file) {
  constexpr int least_level = 2;  // OpenSSL's: no RSA below 2048 bits, no certificate signed with SHA-1
  static constexpr std::array<unsigned char, 9> only_http_1_1{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  TlsContext context = new_context(TLS_client_method());
  SSL_CTX* ctx = context.get();
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(ctx, only_http_1_1.data(), only_http_1_1.size());
  if (SSL_CTX_get_security_level(ctx) < least_level) SSL_CTX_set_security_level(ctx, least_level);
  const int loaded =
      ca_file.empty() ? SSL_CTX_set_default_verify_paths(ctx) : SSL_CTX_load_verify_locations(ctx, ca_file.c_str(), nullptr);
  ERR_clear_error();
  if (loaded == 1) return context;
  return fail(Errc::invalid_argument, "the file of certificate authorities \"" + printable(ca_file) + "\" cannot be used",
              "give a readable PEM file with at least one certificate");
}

}  // namespace evergrant
