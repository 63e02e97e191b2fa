#include "oauth/json_member.hpp"

#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

const json::value* element_at(const json::array& array, std::string_view index) {
  std::size_t position = 0;
  const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), position);
  if (error != std::errc{} || end != index.data() + index.size()) return nullptr;
  return array.if_contains(position);
}

const json::value* step(const json::value& value, std::string_view name) {
  if (const auto* object = value.if_object()) return object->if_contains(name);
  if (const auto* array = value.if_array()) return element_at(*array, name);
  return nullptr;
}

void wipe_bytes(json::string& text) noexcept {
  // Through volatile, so that the last write to a dying string stays.
  volatile char* bytes = text.data();
  for (std::size_t i = 0; i < text.size(); ++i) bytes[i] = '\0';
}

}  // namespace

const json::value* member_at(const json::value& root, std::string_view path) {
  if (path.empty()) return &root;
  if (const auto* whole = step(root, path)) return whole;
  const auto dot = path.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto* next = step(root, path.substr(0, dot));
  return next == nullptr ? nullptr : member_at(*next, path.substr(dot + 1));
}

std::optional<std::string_view> string_at(const json::value& root, std::string_view path) {
  const auto* value = member_at(root, path);
  if (value == nullptr || !value->is_string() || value->get_string().empty()) return std::nullopt;
  return std::string_view{value->get_string()};
}

std::optional<std::string> text_of(const json::value& value) {
  if (value.is_string()) {
    if (value.get_string().empty()) return std::nullopt;
    return std::string{std::string_view{value.get_string()}};
  }
  if (value.is_number() || value.is_bool()) return json::serialize(value);
  return std::nullopt;
}

std::optional<double> number_of(const json::value& value) {
  double number = 0;
  if (const auto* whole = value.if_int64()) {
    number = static_cast<double>(*whole);
  } else if (const auto* natural = value.if_uint64()) {
    number = static_cast<double>(*natural);
  } else if (const auto* real = value.if_double()) {
    number = *real;
  } else if (const auto* text = value.if_string()) {
    const auto digits = trim(*text);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  } else {
    return std::nullopt;
  }
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

void erase_at(json::value& root, std::string_view path) {
  auto* object = root.if_object();
  if (object == nullptr || path.empty()) return;
  if (const auto found = object->find(path); found != object->end()) {
    wipe_strings(found->value());
    object->erase(found);
    return;
  }
  const auto dot = path.find('.');
  if (dot == std::string_view::npos) return;
  if (auto* next = object->if_contains(path.substr(0, dot))) erase_at(*next, path.substr(dot + 1));
}

void wipe_strings(json::value& value) noexcept {
  if (auto* text = value.if_string()) {
    wipe_bytes(*text);
  } else if (auto* object = value.if_object()) {
    for (auto& member : *object) wipe_strings(member.value());
  } else if (auto* array = value.if_array()) {
    for (auto& element : *array) wipe_strings(element);
  }
}

}  // namespace evergrant
