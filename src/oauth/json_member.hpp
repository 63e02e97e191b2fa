// Reading members of a provider's JSON by dotted path ("data.access_token", "errors.0.code"), leniently in type and
// strictly in meaning; and wiping what held tokens. No state; thread-safe.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace evergrant {

// The value at `path`; a member whose own name is the whole path comes first. An empty path is the value itself.
[[nodiscard]] const boost::json::value* member_at(const boost::json::value& root, std::string_view path);
// A string that is not empty.
[[nodiscard]] std::optional<std::string_view> string_at(const boost::json::value& root, std::string_view path);
// A string that is not empty, a number or a truth value, as text.
[[nodiscard]] std::optional<std::string> text_of(const boost::json::value& value);
// A finite number, or a string that is one.
[[nodiscard]] std::optional<double> number_of(const boost::json::value& value);
// Removes and wipes the member at `path`, if it is there.
void erase_at(boost::json::value& root, std::string_view path);
void wipe_strings(boost::json::value& value) noexcept;

// JSON that holds tokens: its strings are wiped when it ends.
class WipedJson {
 public:
  // Parentheses: braces would make an array of one element.
  explicit WipedJson(boost::json::value value) noexcept : value_(std::move(value)) {}
  WipedJson(WipedJson&&) noexcept = default;
  WipedJson(const WipedJson&) = delete;
  WipedJson& operator=(const WipedJson&) = delete;
  WipedJson& operator=(WipedJson&&) = delete;
  ~WipedJson() { wipe_strings(value_); }

  [[nodiscard]] const boost::json::value& get() const noexcept { return value_; }
  [[nodiscard]] boost::json::value& get() noexcept { return value_; }

 private:
  boost::json::value value_;
};

}  // namespace evergrant
