#include "net/http.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace evergrant {

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_, [&](const auto& field) { return equal_ignoring_case(field.first, name); });
  add(std::string{name}, std::move(value));
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  const auto found = std::ranges::find_if(fields_, [&](const auto& f) { return equal_ignoring_case(f.first, name); });
  if (found == fields_.end()) return std::nullopt;
  return found->second;
}

std::size_t Headers::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields_, [&](const auto& f) { return equal_ignoring_case(f.first, name); }));
}

}  // namespace evergrant
