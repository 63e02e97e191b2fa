// The line before a chunk's data (RFC 9112 7.1), looked at before Boost.Beast 1.81 sees it, for requests and answers alike.
// Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace evergrant {

enum class ChunkLine : std::uint8_t {
  good,     // for Beast to read, whole or not
  waits,    // what may be the shortest last chunk, cut short: Beast asserts that it has its five bytes
  refused,  // two readers may divide it differently
};

// `bytes` begin where a chunk does, or with the line end of the chunk before it.
[[nodiscard]] ChunkLine judge_chunk_line(std::string_view bytes) noexcept;

}  // namespace evergrant
