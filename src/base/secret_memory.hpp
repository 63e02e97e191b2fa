// Memory for secrets: in pages of its own that no core image contains (MADV_DONTDUMP), so that a secret that lives as long
// as the process is not in one either. Blocks come from lists by size; what is given back is wiped at once.
// Any thread. Errors: std::bad_alloc.
#pragma once

#include <cstddef>

namespace evergrant {

// `size` zero bytes, aligned for any type; size > 0.
[[nodiscard]] char* take_secret_memory(std::size_t size);
// `size` as it was asked for.
void give_back_secret_memory(char* block, std::size_t size) noexcept;

}  // namespace evergrant
