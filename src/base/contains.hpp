// Whether a short list holds a value (std::ranges::contains of C++23, which this library lacks).
#pragma once

#include <algorithm>
#include <ranges>

namespace evergrant {

template <std::ranges::input_range Range, class Value>
[[nodiscard]] constexpr bool contains(const Range& all, const Value& one) {
  return std::ranges::find(all, one) != std::ranges::end(all);
}

}  // namespace evergrant
