// A number out of a JSON value that may be anything.
#pragma once

#include <boost/json/value.hpp>
#include <optional>

namespace evergrant {

// Nothing where it is not a number, or not one that `T` holds exactly.
template <class T>
[[nodiscard]] std::optional<T> number_of(const boost::json::value& value) {
  boost::system::error_code error;
  const T number = value.to_number<T>(error);
  if (error) return std::nullopt;
  return number;
}

}  // namespace evergrant
