// The plain requests that make up nearly all of a busy server's traffic, read in one pass without an allocation: GET, no
// body, nothing about the connection, nothing that needs judgement. Whatever is not plain in every respect is left to
// RequestParser, which alone decides what is refused; what is plain reads the same there (tests/fuzz holds the two
// together). Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace evergrant {

struct QuickRequest {              // views into the bytes it was read from
  std::string_view path;           // raw, without query
  std::string_view query;          // raw, without '?'
  std::string_view authorization;  // empty: there is none
  std::size_t size = 0;            // of the whole request
};

// The request at the beginning of `bytes`. Nothing: it has not come whole, or it is not plain.
[[nodiscard]] std::optional<QuickRequest> read_quick_request(std::string_view bytes) noexcept;

}  // namespace evergrant
