#include "crypto/hash.hpp"

#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

#include <array>
#include <new>
#include <stdexcept>

#include "crypto/provider.hpp"

namespace evergrant {
namespace {

evp::Digest fetch(const char* name) {
  evp::Digest digest{EVP_MD_fetch(nullptr, name, nullptr)};
  if (!digest) throw std::runtime_error{std::string{"OpenSSL offers no "} + name};
  return digest;
}

const EVP_MD* algorithm_of(HashKind kind) {
  static const std::array<evp::Digest, 3> digests{fetch("SHA256"), fetch("SHA384"), fetch("SHA512")};
  return digests[static_cast<std::size_t>(kind)].get();
}

}  // namespace

std::size_t digest_size(HashKind kind) noexcept {
  switch (kind) {
    case HashKind::sha256: return 32;
    case HashKind::sha384: return 48;
    case HashKind::sha512: return 64;
  }
  return 0;
}

namespace {

void digest_into(HashKind kind, std::string_view data, unsigned char* out) {
  thread_local const evp::DigestContext context{EVP_MD_CTX_new()};
  if (!context) throw std::bad_alloc{};
  if (EVP_DigestInit_ex2(context.get(), algorithm_of(kind), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), data.data(), data.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out, nullptr) != 1) {
    throw std::runtime_error{"a digest failed"};
  }
}

}  // namespace

std::string digest(HashKind kind, std::string_view data) {
  std::string out(digest_size(kind), '\0');
  digest_into(kind, data, evp::bytes_of(out));
  return out;
}

namespace {

// SHA-256 as the provider has it, for keys that are digested at each request.
struct Sha256Functions {
  evp::Offer offer = evp::offer_of(EVP_MD_get0_provider(algorithm_of(HashKind::sha256)), OSSL_OP_DIGEST, "SHA256");
  OSSL_FUNC_digest_newctx_fn* make = evp::function_of<OSSL_FUNC_digest_newctx>(offer, OSSL_FUNC_DIGEST_NEWCTX);
  OSSL_FUNC_digest_freectx_fn* release = evp::function_of<OSSL_FUNC_digest_freectx>(offer, OSSL_FUNC_DIGEST_FREECTX);
  OSSL_FUNC_digest_init_fn* begin = evp::function_of<OSSL_FUNC_digest_init>(offer, OSSL_FUNC_DIGEST_INIT);
  OSSL_FUNC_digest_update_fn* update = evp::function_of<OSSL_FUNC_digest_update>(offer, OSSL_FUNC_DIGEST_UPDATE);
  OSSL_FUNC_digest_final_fn* finish = evp::function_of<OSSL_FUNC_digest_final>(offer, OSSL_FUNC_DIGEST_FINAL);
  [[nodiscard]] bool complete() const noexcept {
    return make != nullptr && release != nullptr && begin != nullptr && update != nullptr && finish != nullptr;
  }
};

const Sha256Functions& sha256_functions() {
  static const auto& found = *new Sha256Functions;  // for threads that end behind main
  return found;
}

// One for each thread; it is wiped when a digest is finished.
class Sha256Context {
 public:
  Sha256Context()
      : context_{sha256_functions().complete() ? sha256_functions().make(sha256_functions().offer.provider) : nullptr} {}
  Sha256Context(const Sha256Context&) = delete;
  Sha256Context& operator=(const Sha256Context&) = delete;
  ~Sha256Context() {
    if (context_ != nullptr) sha256_functions().release(context_);
  }
  // False: it is to be asked for in the usual way.
  [[nodiscard]] bool digest(std::string_view data, unsigned char* out, std::size_t room) const {
    const Sha256Functions& functions = sha256_functions();
    std::size_t size = 0;
    return context_ != nullptr && functions.begin(context_, nullptr) == 1 &&
           functions.update(context_, evp::bytes_of(data), data.size()) == 1 &&
           functions.finish(context_, out, &size, room) == 1 && size == room;
  }

 private:
  void* context_;
};

}  // namespace

Digest sha256_digest(std::string_view data) {
  thread_local const Sha256Context context;
  Digest out{};
  auto* const bytes = reinterpret_cast<unsigned char*>(out.data());  // NOLINT: text as bytes
  if (!context.digest(data, bytes, out.size())) digest_into(HashKind::sha256, data, bytes);
  return out;
}

std::string hmac(HashKind kind, const Secret& key, std::string_view data) {
  std::string out(digest_size(kind), '\0');
  const auto* const key_data = key.empty() ? evp::bytes_of(std::string_view{""}) : key.reveal_bytes().data();
  unsigned size = 0;
  if (HMAC(algorithm_of(kind), key_data, static_cast<int>(key.size()), evp::bytes_of(data), data.size(), evp::bytes_of(out),
           &size) == nullptr) {
    throw std::runtime_error{"a keyed digest failed"};
  }
  return out;
}

std::string sha256(std::string_view data) { return digest(HashKind::sha256, data); }
std::string sha384(std::string_view data) { return digest(HashKind::sha384, data); }
std::string sha512(std::string_view data) { return digest(HashKind::sha512, data); }
std::string hmac_sha256(const Secret& key, std::string_view data) { return hmac(HashKind::sha256, key, data); }

Secret hkdf_sha256(const Secret& key, std::string_view info, std::size_t size) {
  constexpr std::size_t longest = 255 * 32;  // RFC 5869 2.3
  if (size == 0 || size > longest) throw std::invalid_argument{"HKDF-SHA-256 gives 1 to 8160 bytes"};
  static const evp::Kdf kdf{EVP_KDF_fetch(nullptr, "HKDF", nullptr)};
  const evp::KdfContext context{EVP_KDF_CTX_new(kdf.get())};
  if (!context) throw std::bad_alloc{};
  // OSSL_PARAM is one type for input and output, hence the casts; nothing is written through them.
  std::string hash{"SHA256"};
  const auto key_data = key.reveal_bytes();
  // NOLINTBEGIN(cppcoreguidelines-pro-type-const-cast)
  const std::array params{
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash.data(), hash.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<unsigned char*>(key_data.data()), key_data.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()), info.size()),
      OSSL_PARAM_construct_end()};
  // NOLINTEND(cppcoreguidelines-pro-type-const-cast)
  Secret out = Secret::of_size(size);
  if (EVP_KDF_derive(context.get(), out.bytes().data(), size, params.data()) != 1) {
    throw std::runtime_error{"a key derivation failed"};
  }
  return out;
}

}  // namespace evergrant
