#include "net/curl_memory.hpp"

#include <curl/curl.h>

#include <cstdlib>
#include <cstring>

#include "base/wiping_malloc.hpp"

namespace evergrant {

Result<> start_curl() {
  static const CURLcode outcome =
      curl_global_init_mem(CURL_GLOBAL_DEFAULT, std::malloc, wiping_free, wiping_realloc, strdup, std::calloc);
  if (outcome == CURLE_OK) return {};
  return fail(Errc::internal, "libcurl does not start", "check that the installed libcurl is complete");
}

}  // namespace evergrant
