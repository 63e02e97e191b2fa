// The one way a function of evergrant reports an expected failure: `Result<T>`, a value or an `Error`.
// Exceptions mean a bug (or a library's failure) and are caught at the request, job and main boundaries only.
#pragma once

#include "evergrant/error.hpp"

namespace evergrant {

// An enumerator of Errc decides retry and HTTP status, each in one exhaustive switch (`is_retryable`, api/problem.cpp).
[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string message, std::string hint = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(hint)});
}

}  // namespace evergrant
