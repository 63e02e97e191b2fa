// Text that may hold credentials and grows: where std::string would leave its old block behind, this wipes it.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace evergrant {

inline void grow_wiping(std::string& text, std::size_t capacity) {
  if (text.capacity() >= capacity) return;
  std::string larger;
  larger.reserve(capacity);
  larger.append(text);
  wipe(text);
  text = std::move(larger);
}

inline void append_wiping(std::string& text, std::string_view piece) {
  const std::size_t needed = text.size() + piece.size();
  if (needed > text.capacity()) grow_wiping(text, std::max(needed, 2 * text.capacity()));
  text.append(piece);
}

}  // namespace evergrant
