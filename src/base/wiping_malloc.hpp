// Replacements of free and realloc that wipe what they give back, for libraries that allocate with malloc and can be told so
// (ADR 1). Thread-safe.
#pragma once

#include <cstddef>

namespace evergrant {

void wiping_free(void* block) noexcept;
// Nothing (nullptr) if there is no memory; the block is then as it was.
[[nodiscard]] void* wiping_realloc(void* block, std::size_t size) noexcept;

}  // namespace evergrant
