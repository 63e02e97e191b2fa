// An HttpResponse as bytes, in one buffer. Framing (length, connection, date) belongs to the server: what a handler sets
// of that is left out. Pure, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "net/http.hpp"
#include "net/request_parser.hpp"

namespace evergrant {

struct Framing {
  bool keep_alive = true;
  bool http_1_0 = false;
  bool head = false;      // the answer to HEAD: the body's length, without the body
  std::string_view date;  // IMF-fixdate
};

// False for what cannot be sent: a status outside 200 to 599, a header name that is no token, a value with control
// characters.
[[nodiscard]] bool is_sendable(const HttpResponse& response);
// Appends to `out`. The response must be sendable.
void write_response(const HttpResponse& response, const Framing& framing, std::string& out);

// RFC 9457, with a stable code.
[[nodiscard]] HttpResponse problem_response(const Refusal& refusal);
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;
[[nodiscard]] std::string http_date(Time time);

}  // namespace evergrant
