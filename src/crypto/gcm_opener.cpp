#include "crypto/gcm_opener.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <new>

#include "crypto/locked_key.hpp"
#include "crypto/provider.hpp"

namespace evergrant {
namespace {

constexpr const char* algorithm = "AES-256-GCM";
constexpr std::size_t gcm_nonce_bytes = 12;
constexpr std::size_t gcm_tag_bytes = 16;

struct Functions {
  evp::Cipher cipher{EVP_CIPHER_fetch(nullptr, algorithm, nullptr)};
  evp::Offer offer =
      cipher ? evp::offer_of(EVP_CIPHER_get0_provider(cipher.get()), OSSL_OP_CIPHER, algorithm) : evp::Offer{};
  OSSL_FUNC_cipher_newctx_fn* make = evp::function_of<OSSL_FUNC_cipher_newctx>(offer, OSSL_FUNC_CIPHER_NEWCTX);
  OSSL_FUNC_cipher_freectx_fn* release = evp::function_of<OSSL_FUNC_cipher_freectx>(offer, OSSL_FUNC_CIPHER_FREECTX);
  OSSL_FUNC_cipher_decrypt_init_fn* begin =
      evp::function_of<OSSL_FUNC_cipher_decrypt_init>(offer, OSSL_FUNC_CIPHER_DECRYPT_INIT);
  OSSL_FUNC_cipher_update_fn* update = evp::function_of<OSSL_FUNC_cipher_update>(offer, OSSL_FUNC_CIPHER_UPDATE);
  OSSL_FUNC_cipher_final_fn* finish = evp::function_of<OSSL_FUNC_cipher_final>(offer, OSSL_FUNC_CIPHER_FINAL);
  OSSL_FUNC_cipher_get_ctx_params_fn* tell =
      evp::function_of<OSSL_FUNC_cipher_get_ctx_params>(offer, OSSL_FUNC_CIPHER_GET_CTX_PARAMS);

  [[nodiscard]] bool complete() const noexcept {
    return make != nullptr && release != nullptr && begin != nullptr && update != nullptr && finish != nullptr &&
           tell != nullptr;
  }
};

const Functions& functions() {
  static const auto& found = *new Functions;  // for those that end behind main
  return found;
}

}  // namespace

GcmOpener::GcmOpener() : context_{functions().complete() ? functions().make(functions().offer.provider) : nullptr} {
  if (functions().complete() && context_ == nullptr) throw std::bad_alloc{};
  clear();
}

GcmOpener::~GcmOpener() {
  if (context_ != nullptr) functions().release(context_);  // which wipes it
}

// OpenSSL has no way to say where a context is to be; it does tell the address of the nonce (provider-cipher(7), "iv" as a
// pointer), which lies in the same block.
std::span<const char> GcmOpener::lock_memory() noexcept {
  constexpr std::size_t before = 512;  // the block has less than a thousand bytes, the nonce near its front
  constexpr std::size_t behind = 1536;
  static constexpr std::array<unsigned char, gcm_nonce_bytes> nonce{};
  if (context_ == nullptr || functions().begin(context_, nullptr, 0, nonce.data(), nonce.size(), nullptr) != 1) return {};
  void* found = nullptr;
  std::array params{OSSL_PARAM_construct_octet_ptr(OSSL_CIPHER_PARAM_IV, &found, gcm_nonce_bytes),
                    OSSL_PARAM_construct_end()};
  if (functions().tell(context_, params.data()) != 1 || found == nullptr) return {};
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto at = reinterpret_cast<std::uintptr_t>(found);
  const std::uintptr_t first = (at - before) / page * page;
  const std::uintptr_t end = (at + behind + page - 1) / page * page;
  auto* pages = reinterpret_cast<char*>(first);  // NOLINT(performance-no-int-to-ptr)
  if (madvise(pages, end - first, MADV_DONTDUMP) != 0) return {};
  mlock2(pages, end - first, 0);  // where the limit is met: as for the keys themselves
  return {pages, end - first};
}

bool GcmOpener::set(std::span<const unsigned char> key) noexcept {
  return context_ != nullptr && functions().begin(context_, key.data(), key.size(), nullptr, 0, nullptr) == 1;
}

// By the key schedule of no key.
void GcmOpener::clear() noexcept {
  static constexpr std::array<unsigned char, key_bytes> blank_key{};
  static_cast<void>(set(blank_key));
}

bool GcmOpener::bind(std::string_view associated) noexcept {
  std::size_t size = 0;  // nothing comes out, and room for as much is asked for all the same
  return associated.empty() ||
         functions().update(context_, nullptr, &size, associated.size(), evp::bytes_of(associated), associated.size()) == 1;
}

bool GcmOpener::transform(std::string_view ciphertext, std::span<char> out) noexcept {
  std::size_t size = 0;
  auto* const into = reinterpret_cast<unsigned char*>(out.data());  // NOLINT: text as bytes
  return ciphertext.empty() ||
         functions().update(context_, into, &size, out.size(), evp::bytes_of(ciphertext), ciphertext.size()) == 1;
}

bool GcmOpener::open(std::string_view nonce, std::string_view bound, std::string_view ciphertext, std::string_view tag,
                     std::span<char> out) noexcept {
  if (context_ == nullptr || nonce.size() != gcm_nonce_bytes || tag.size() != gcm_tag_bytes) return false;
  if (out.size() < ciphertext.size()) return false;
  std::array<char, gcm_tag_bytes> expected{};
  tag.copy(expected.data(), expected.size());
  const std::array params{OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, expected.data(), expected.size()),
                          OSSL_PARAM_construct_end()};
  std::array<unsigned char, gcm_tag_bytes> rest{};
  std::size_t size = 0;
  return functions().begin(context_, nullptr, 0, evp::bytes_of(nonce), nonce.size(), params.data()) == 1 && bind(bound) &&
         transform(ciphertext, out) && functions().finish(context_, rest.data(), &size, rest.size()) == 1;
}

}  // namespace evergrant
