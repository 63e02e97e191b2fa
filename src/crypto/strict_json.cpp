#include "crypto/strict_json.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/serializer.hpp>
#include <boost/json/value_stack.hpp>
#include <limits>
#include <string>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

// Receives the parser's events, builds the value, and counts the members.
// The signatures are those that json::basic_parser calls.
class StrictHandler {
 public:
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  [[nodiscard]] std::size_t members() const noexcept { return members_; }
  [[nodiscard]] json::value release() { return stack_.release(); }

  static bool on_document_begin(json::error_code&) { return true; }
  static bool on_document_end(json::error_code&) { return true; }
  static bool on_object_begin(json::error_code&) { return true; }
  bool on_object_end(std::size_t size, json::error_code&) {
    members_ += size;
    stack_.push_object(size);
    return true;
  }
  static bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t size, json::error_code&) {
    stack_.push_array(size);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_key(part);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_string(part);
    return true;
  }
  static bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code&) {
    stack_.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, json::error_code&) {
    stack_.push_uint64(number);
    return true;
  }
  bool on_double(double number, json::string_view, json::error_code&) {
    stack_.push_double(number);
    return true;
  }
  bool on_bool(bool value, json::error_code&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(json::error_code&) {
    stack_.push_null();
    return true;
  }
  static bool on_comment_part(json::string_view, json::error_code&) { return true; }
  static bool on_comment(json::string_view, json::error_code&) { return true; }

  void start() { stack_.reset(); }

 private:
  json::value_stack stack_;
  std::size_t members_ = 0;
};

// Members of all objects in it. Its depth is bounded.
std::size_t members_of(const json::value& value) {
  std::size_t members = 0;
  if (const json::object* object = value.if_object()) {
    members = object->size();
    for (const auto& member : *object) members += members_of(member.value());
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& element : *array) members += members_of(element);
  }
  return members;
}

Error describe(const json::error_code& error, std::size_t max_depth) {
  if (error == json::error::too_deep) {
    return {Errc::too_large, "JSON is nested deeper than " + std::to_string(max_depth) + " levels", {}};
  }
  return {Errc::invalid_argument, "not well-formed JSON: " + error.message(), {}};
}

}  // namespace

Result<json::value> parse_strict_json(std::string_view text, std::size_t max_depth, std::size_t max_size) {
  if (text.size() > max_size) {
    return fail(Errc::too_large, "JSON is longer than " + std::to_string(max_size) + " bytes");
  }
  json::parse_options options;
  options.max_depth = max_depth;
  json::basic_parser<StrictHandler> parser{options};
  parser.handler().start();
  json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (!error && read < text.size()) error = json::error::extra_data;
  if (error) return std::unexpected(describe(error, max_depth));
  json::value value = parser.handler().release();
  // Boost.JSON kept the last of equal names, and nothing of what was in the others.
  if (members_of(value) != parser.handler().members()) {
    return fail(Errc::invalid_argument, "a name occurs twice in one JSON object");
  }
  return value;
}

Result<json::object> parse_strict_object(std::string_view text, std::size_t max_depth, std::size_t max_size) {
  auto value = parse_strict_json(text, max_depth, max_size);
  if (!value) return std::unexpected(std::move(value).error());
  if (!value->is_object()) return fail(Errc::invalid_argument, "the JSON document is not an object");
  return std::move(value->as_object());
}

Secret serialize_secret(const json::value& value) {
  json::serializer serializer;
  serializer.reset(&value);
  Secret text = Secret::of_size(4096);
  std::size_t used = 0;
  while (true) {  // ends with the value
    auto* const begin = reinterpret_cast<char*>(text.bytes().data());
    used += serializer.read(begin + used, text.size() - used).size();
    if (serializer.done()) return Secret{text.reveal().substr(0, used)};
    Secret larger = Secret::of_size(text.size() * 2);
    std::copy_n(text.bytes().data(), used, larger.bytes().data());
    text = std::move(larger);
  }
}

std::optional<std::string_view> string_member(const json::object& object, std::string_view name) {
  const json::value* member = object.if_contains(name);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return std::string_view{member->get_string()};
}

}  // namespace evergrant
