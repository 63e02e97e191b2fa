#include "crypto/openssl_memory.hpp"

#include <openssl/crypto.h>

#include <cstdlib>

#include "base/wiping_malloc.hpp"

namespace evergrant {

bool wipe_what_openssl_frees() noexcept {
  const auto allocate = [](std::size_t size, const char*, int) { return std::malloc(size); };
  const auto resize = [](void* block, std::size_t size, const char*, int) -> void* {
    if (size != 0) return wiping_realloc(block, size);
    wiping_free(block);
    return nullptr;
  };
  const auto release = [](void* block, const char*, int) { wiping_free(block); };
  return CRYPTO_set_mem_functions(allocate, resize, release) == 1;
}

}  // namespace evergrant
