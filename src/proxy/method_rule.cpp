#include "proxy/method_rule.hpp"

#include <algorithm>
#include <array>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_proxied_method = 20;
constexpr std::array<std::string_view, 8> method_parameters{
    "_method",          "_httpmethod", "$httpmethod", "httpmethod", "http_method", "x-http-method", "x-http-method-override",
    "x-method-override"};

bool is_method(std::string_view method) {
  return !method.empty() && method.size() <= longest_proxied_method &&
         std::ranges::all_of(method, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
}

// As PHP reads a name, which ends at NUL or `[` and has `_` for a dot, a blank, and a `[` that nothing closes.
std::string php_name(std::string name) {
  name.resize(std::min(name.find('\0'), name.size()));
  name = std::string{trim(name)};
  const auto bracket = name.find('[');
  if (bracket != std::string::npos && name.find(']', bracket) != std::string::npos) name.resize(bracket);
  std::ranges::replace_if(name, [](char c) { return c == '.' || c == ' ' || c == '['; }, '_');
  return name;
}

// What cannot be decoded is compared as it stands.
std::string decoded_name(std::string_view parameter) {
  std::string name{parameter.substr(0, parameter.find('='))};
  std::ranges::replace(name, '+', ' ');
  return to_lower_ascii(php_name(percent_decode(name).value_or(name)));
}

}  // namespace

Result<> check_method(std::string_view method) {
  if (is_method(method)) return {};
  return fail(Errc::invalid_argument, "'" + printable(method, 40) + "' is no method that goes through the proxy",
              "methods are written in capitals, such as GET");
}

Error names_another_method() {
  return {Errc::forbidden, "the query names another method, and this caller may use some methods only",
          "send the call with the method that is meant"};
}

bool overrides_method(std::string_view query) {
  while (!query.empty()) {
    const auto end = std::min(query.find_first_of("&;"), query.size());
    const std::string name = decoded_name(query.substr(0, end));
    if (std::ranges::find(method_parameters, name) != method_parameters.end()) return true;
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return false;
}

}  // namespace evergrant
