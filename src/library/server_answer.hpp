// What an evergrant server answers to who asks for a token. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "evergrant/token_lease.hpp"
#include "net/http.hpp"

namespace evergrant::library {

// The lease, or the server's error. The body, which holds the token, is wiped.
[[nodiscard]] Result<TokenLease> read_answer(HttpResponse response, std::string_view registration);

}  // namespace evergrant::library
