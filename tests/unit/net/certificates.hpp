// Certificates made on the spot: an authority, and servers' identities right or wrong in one point each.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

namespace evergrant::test {

template <auto Free>
struct Release {
  template <class T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, Release<X509_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Release<SSL_CTX_free>>;

struct CertificateFacts {
  std::string names = {};  // subjectAltName, as OpenSSL writes it
  long valid_from = -100;  // seconds from now
  long valid_to = 100000;
  std::string common_name = "test";
  bool authority = false;
  unsigned rsa_bits = 0;  // 0: a key on P-256
  const EVP_MD* digest = EVP_sha256();
};

inline KeyPtr make_key(unsigned rsa_bits = 0) { return KeyPtr{rsa_bits == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen(rsa_bits)}; }

inline void add_extension(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by `issuer`, or by itself.
inline CertPtr make_certificate(EVP_PKEY* key, const CertificateFacts& facts, X509* issuer, EVP_PKEY* issuer_key) {
  static std::atomic<long> serial = 1;
  CertPtr certificate{X509_new()};
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), facts.valid_from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), facts.valid_to);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  const auto* name = reinterpret_cast<const unsigned char*>(facts.common_name.c_str());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0);
  X509_set_issuer_name(certificate.get(), issuer != nullptr ? X509_get_subject_name(issuer) : subject);
  if (!facts.names.empty()) add_extension(certificate.get(), NID_subject_alt_name, facts.names);
  if (facts.authority) add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(certificate.get(), issuer_key != nullptr ? issuer_key : key, facts.digest);
  return certificate;
}

inline std::string temporary_file(std::string_view name) {
  static std::atomic<int> count = 0;
  return std::filesystem::temp_directory_path() /
         ("evergrant-net-" + std::to_string(getpid()) + "-" + std::to_string(++count) + "-" + std::string{name});
}

class Authority {
 public:
  explicit Authority(const std::string& name)
      : key_{make_key()},
        certificate_{make_certificate(key_.get(), {.common_name = name, .authority = true}, nullptr, nullptr)} {
    FILE* out = std::fopen(file_.c_str(), "w");
    PEM_write_X509(out, certificate_.get());
    std::fclose(out);
  }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;
  ~Authority() { std::filesystem::remove(file_); }

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] X509* certificate() const { return certificate_.get(); }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }

 private:
  KeyPtr key_;
  CertPtr certificate_;
  std::string file_ = temporary_file("ca.pem");
};

class ServerIdentity {
 public:
  ServerIdentity(const Authority& authority, const CertificateFacts& facts)
      : ServerIdentity{facts, authority.certificate(), authority.key()} {}
  explicit ServerIdentity(const CertificateFacts& self_signed) : ServerIdentity{self_signed, nullptr, nullptr} {}
  ServerIdentity(const ServerIdentity&) = delete;
  ServerIdentity& operator=(const ServerIdentity&) = delete;
  ~ServerIdentity() {
    std::filesystem::remove(certificate_file_);
    std::filesystem::remove(key_file_);
  }

  [[nodiscard]] SSL_CTX* context() const { return context_.get(); }
  [[nodiscard]] const std::string& certificate_file() const { return certificate_file_; }
  [[nodiscard]] const std::string& key_file() const { return key_file_; }

 private:
  ServerIdentity(const CertificateFacts& facts, X509* issuer, EVP_PKEY* issuer_key)
      : key_{make_key(facts.rsa_bits)},
        certificate_{make_certificate(key_.get(), facts, issuer, issuer_key)},
        context_{SSL_CTX_new(TLS_server_method())} {
    SSL_CTX_set_security_level(context_.get(), 0);  // it is the client that has to refuse what is weak
    SSL_CTX_use_certificate(context_.get(), certificate_.get());
    SSL_CTX_use_PrivateKey(context_.get(), key_.get());
    FILE* out = std::fopen(certificate_file_.c_str(), "w");
    PEM_write_X509(out, certificate_.get());
    std::fclose(out);
    out = std::fopen(key_file_.c_str(), "w");
    PEM_write_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
  }
  KeyPtr key_;
  CertPtr certificate_;
  ContextPtr context_;
  std::string certificate_file_ = temporary_file("cert.pem");
  std::string key_file_ = temporary_file("key.pem");
};

}  // namespace evergrant::test
