// A provider's error answer: finding its code in the many shapes that providers give it (TOK-12), and what the code means
// (REF-10). Pure.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "model/connection.hpp"
#include "model/provider.hpp"

namespace evergrant {

struct ProviderError {
  std::string code;         // printable
  std::string description;  // printable; what looks like a token is cut out
};

enum class ErrorShapes : std::uint8_t {
  declared,  // the profile's member, and `error` and `errors`: for an answer with a success status
  any,       // every known shape: for an answer whose status says that it is an error
};

// Nothing if the body holds no error code.
[[nodiscard]] std::optional<ProviderError> read_provider_error(const boost::json::value& body, const ErrorProfile& profile,
                                                               ErrorShapes shapes);
// "ok=false": the member is there and has this value. "code!=0": it is there and has another.
[[nodiscard]] bool says_failure(const boost::json::value& body, const std::vector<std::string>& predicates);

// An unknown code is transient: only a code that is known to end a grant does so (I4).
[[nodiscard]] FailureClass class_of_error(std::string_view code, const ErrorProfile& profile);
// 408, 425, 429 and 5xx say nothing about the grant, whatever their body says, unless the profile lists the status as one
// that this provider answers definite errors with.
[[nodiscard]] bool is_transient_status(int status, const ErrorProfile& profile);
// A page of a gateway or of a server that fell over (500, 502, 504, and Cloudflare's 520 and 524): the token endpoint behind
// it may have rotated before. A `code` that declines the request says that it did not; the profile may say so for the
// status.
[[nodiscard]] bool may_have_acted(int status, const std::optional<std::string>& code, const ErrorProfile& profile);

}  // namespace evergrant
