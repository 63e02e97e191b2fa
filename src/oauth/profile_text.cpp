#include "oauth/profile_text.hpp"

#include <algorithm>

namespace evergrant {

bool is_header_name(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || marks.contains(c);
  });
}

bool is_header_value(std::string_view value) {
  return std::ranges::none_of(value, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
}

bool is_identifier(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  });
}

std::optional<std::vector<std::string>> placeholders(std::string_view text) {
  std::vector<std::string> names;
  for (std::size_t at = text.find_first_of("{}"); at != std::string_view::npos; at = text.find_first_of("{}", at)) {
    const auto end = text.find('}', at);
    if (text[at] == '}' || end == std::string_view::npos) return std::nullopt;
    names.emplace_back(text.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return names;
}

std::string sample_url(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    out += out.empty() ? "https://sample.example" : "sample";
    text.remove_prefix(text.find('}', open) + 1);
  }
  return out;
}

}  // namespace evergrant
