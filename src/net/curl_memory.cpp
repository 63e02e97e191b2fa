#include "net/curl_memory.hpp"

#include <curl/curl.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/registers.hpp"

namespace evergrant {
namespace {

void wiping_free(void* block) {
  if (block == nullptr) return;
  const std::size_t size = malloc_usable_size(block);
  explicit_bzero(block, size);
  if (size >= leaves_traces) forget_registers();
  std::free(block);
}

void* wiping_realloc(void* block, std::size_t size) {
  if (block == nullptr) return std::malloc(size);
  void* larger = std::malloc(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, std::min(size, malloc_usable_size(block)));
  wiping_free(block);
  return larger;
}

}  // namespace

Result<> start_curl() {
  static const CURLcode outcome =
      curl_global_init_mem(CURL_GLOBAL_DEFAULT, std::malloc, wiping_free, wiping_realloc, strdup, std::calloc);
  if (outcome == CURLE_OK) return {};
  return fail(Errc::internal, "libcurl does not start", "check that the installed libcurl is complete");
}

}  // namespace evergrant
